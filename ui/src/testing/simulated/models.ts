// The simulated models: two that are installed, one half fetched, and a hub that serves in
// small steps. `modelSteps` of the simulation says how many.

import type {
  CheckpointView,
  FetchRequest,
  FetchedView,
  ModelProgress,
  ModelsView,
  ModelView,
  SpeedView,
  VerifiedView,
} from '../../lib/types';
import { hash } from './judge';
import { fail, simulation } from './simulation';

const GIB = 1024 ** 3;
const large = '/models/gpt-oss-safeguard-20b';

const later = <T>(value: T) => new Promise<T>((resolve) => setTimeout(() => resolve(value), 4));

export const installed = (): ModelView[] => [
  {
    id: 'pebble',
    name: 'Pebble',
    demonstration: true,
    path: 'fixtures/pebble',
    digest: hash('pebble'),
    device: 'cpu',
    bytes: 14_200_000,
    context_tokens: 4096,
    problem: null,
    server: null,
  },
  {
    id: large,
    name: 'gpt-oss-safeguard-20b',
    demonstration: false,
    path: large,
    digest: hash('20b'),
    device: 'cpu',
    bytes: 13_800_000_000,
    context_tokens: 131_072,
    problem:
      'model-00002-of-00003.safetensors is 1.2 GB shorter than its header says. Download it again.',
    server: null,
  },
  ...simulation.fetched.map((repository) => ({
    id: `/models/${repository}`,
    name: repository,
    demonstration: false,
    path: `/models/${repository}`,
    digest: null,
    device: 'cpu',
    bytes: 13_800_000_000,
    context_tokens: 131_072,
    problem: null,
    server: null,
  })),
];

export async function models(): Promise<ModelsView> {
  return later({
    machine: {
      cpu: 'AMD EPYC 7B13',
      cores: 2,
      instructions: 'avx512',
      memory_total_bytes: 16 * GIB,
      memory_available_bytes: 12 * GIB,
    },
    folder: '/models',
    folder_free_bytes: 40 * GIB,
    endpoint: 'https://huggingface.co',
    suggested: ['openai/gpt-oss-safeguard-20b', 'openai/gpt-oss-safeguard-120b'],
    installed: installed(),
    unfinished: simulation.unfinished.map((request) => ({
      path: `/models/${request.repository}`,
      request,
      done_bytes: 5 * GIB,
      total_bytes: 13 * GIB,
    })),
  });
}

export async function modelInfo(id: string): Promise<CheckpointView> {
  const model = installed().find((model) => model.id === id);
  if (!model) fail('model', `${id} is no model. Choose another.`);
  const small = model.demonstration;
  const weights = small ? model.bytes : 13 * GIB;
  const total = weights + (small ? 40_000_000 : 3 * GIB);
  const available = 12 * GIB;
  return later({
    id,
    name: model.name,
    demonstration: small,
    path: model.path,
    architecture: 'gpt_oss',
    layers: small ? 6 : 24,
    hidden: small ? 128 : 2880,
    intermediate: small ? 64 : 2880,
    heads: small ? 8 : 64,
    kv_heads: small ? 4 : 8,
    head_dim: small ? 16 : 64,
    experts: small ? 4 : 32,
    experts_active: small ? 2 : 4,
    vocab: small ? 4096 : 201_088,
    context_tokens: model.context_tokens,
    window_tokens: 128,
    parameters: small ? 1_950_000 : 20_900_000_000,
    parameters_active: small ? 1_200_000 : 3_600_000_000,
    formats: [
      { format: 'MXFP4', bytes: weights * 0.8 },
      { format: 'BF16', bytes: weights * 0.2 },
    ],
    weight_files: small ? 1 : 3,
    disk_bytes: model.bytes,
    tokenizer: true,
    licence: 'apache-2.0',
    card: null,
    digest: model.digest,
    memory: {
      policy_tokens: 4096,
      cases: 32,
      case_tokens: 1024,
      weights_bytes: weights,
      vocabulary_bytes: small ? 3_000_000 : 140_000_000,
      kv_policy_bytes: small ? 12_000_000 : 400_000_000,
      kv_cases_bytes: small ? 20_000_000 : 2 * GIB,
      activations_bytes: small ? 5_000_000 : 120_000_000,
      kv_bytes_per_token: small ? 3072 : 98_304,
      total_bytes: total,
      available_bytes: available,
      spare_bytes: Math.max(0, available - total),
      machine_bytes: 16 * GIB,
      cases_max: small ? 32 : 0,
      fits: total <= available,
      refusal:
        total <= available
          ? null
          : '16.0 GiB of memory are needed and 12.0 GiB are available: weights 13.0 GiB, keys and values 2.4 GiB. Close other programs, use a machine with more memory, or choose a smaller model.',
    },
  });
}

/** Tells of its steps until all are done or it is cancelled. */
async function steps(file: string, onProgress: (step: ModelProgress) => void) {
  simulation.modelCancelled = false;
  const total = 13 * GIB;
  for (let at = 1; at <= simulation.modelSteps; at += 1) {
    await later(null);
    if (simulation.modelCancelled) fail('cancelled', 'Cancelled.');
    const done = (total * at) / simulation.modelSteps;
    onProgress({
      file,
      done_bytes: done,
      total_bytes: total,
      bytes_per_s: 50_000_000,
      left_ms: (total - done) / 50_000,
    });
  }
}

export async function fetchModel(
  request: FetchRequest,
  onProgress: (step: ModelProgress) => void,
): Promise<FetchedView> {
  if (!request.repository.includes('/'))
    fail('input', `"${request.repository}" names no model of a hub. Give it as OWNER/MODEL.`);
  const others = simulation.unfinished.filter((one) => one.repository !== request.repository);
  simulation.unfinished = [...others, request];
  await steps('model-00000-of-00002.safetensors', onProgress);
  simulation.unfinished = others;
  simulation.fetched = [...simulation.fetched, request.repository];
  const path = `/models/${request.repository}`;
  return {
    id: path,
    path,
    commit: hash(path),
    files: 8,
    bytes: 13 * GIB,
    fetched_bytes: 13 * GIB,
  };
}

export async function verifyModel(
  id: string,
  onProgress: (step: ModelProgress) => void,
): Promise<VerifiedView> {
  await steps('model.safetensors', onProgress);
  const faults =
    id === large
      ? [
          {
            file: 'model-00002-of-00003.safetensors',
            tensor: 'model.layers.21.mlp.experts.down_proj_blocks',
            message:
              'the file is cut short: it should reach byte 4170342232, and has 2970342232. Fetch the file again.',
          },
        ]
      : [];
  return { path: id, files: 3, tensors: 459, compared: 2, bytes: 13 * GIB, faults };
}

export async function speedTest(id: string): Promise<SpeedView> {
  await steps('', () => undefined);
  return {
    model: id,
    threads: 2,
    repeats: 3,
    load_ms: 820,
    prompt_tokens: 128,
    prefill_tokens_per_s: 4210.4,
    decode_tokens_per_s: 312.25,
  };
}

export async function cancelModelTask() {
  simulation.modelCancelled = true;
}
