// Simulated bundles: what is found of a file follows from its name.

import type {
  BundleImportRequest,
  BundleProgress,
  BundleReport,
  BundleSummary,
  ImportedBundle,
  VerifyRequest,
} from '../../lib/types';
import { sampleGates } from './release';
import { fail, simulation } from './simulation';

const later = <T>(value: T) => new Promise<T>((done) => setTimeout(() => done(value)));

function summary(file: string): BundleSummary {
  const sample = simulation.policy('tobacco');
  return {
    policy: 'theirs',
    title: 'Their tobacco policy',
    revision: 'ab'.repeat(32),
    content: file.includes('withheld') ? 'withheld' : 'full',
    cases: 61,
    vectors: 61,
    model_name: 'pebble',
    model_digest: 'cd'.repeat(32),
    demonstration: true,
    settings: {
      effort: 'low',
      template_version: 1,
      sampling: { kind: 'greedy' },
      tokens_max: 512,
    },
    metrics: {
      cases: 61,
      judged: 61,
      unparsed: 0,
      true_positives: 30,
      false_positives: 0,
      true_negatives: 31,
      false_negatives: 0,
      precision: null,
      recall: null,
      f1: null,
      false_positive_rate: null,
      accuracy: null,
    },
    gates: file.includes('ungated') ? [] : sampleGates(sample),
    not_before_ms: null,
    expires_at_ms: null,
    manifest_sha256: 'ef'.repeat(32),
    files: [],
    change_log: '',
  };
}

export async function verifyBundle(
  request: VerifyRequest,
  onProgress: (progress: BundleProgress) => void,
): Promise<BundleReport> {
  const { file, trust_file } = request;
  if (file.includes('none')) fail('input', `${file} cannot be read: no such file.`);
  onProgress({ step: 'checking', done: 0, total: 1 });
  await later(null);
  const broken = file.includes('tampered');
  const problems = broken ? ['"policy/policy.md" is not what the manifest says.'] : [];
  const diverges = request.rerun && file.includes('diverges');
  if (diverges) problems.push('1 of 61 conformance vectors came out otherwise.');
  return later({
    file,
    verified: problems.length === 0,
    problems,
    summary: broken ? null : summary(file),
    signatures: file.includes('unsigned')
      ? []
      : [
          {
            name: 'Mara',
            role: 'owner',
            statement: 'I have read it.',
            key_id: '12'.repeat(32),
            signed_at_ms: 5,
            valid: true,
            trust: trust_file ? { kind: 'trusted', name: 'Mara of review' } : { kind: 'unknown' },
          },
        ],
    trust_given: trust_file !== null,
    suite_matches: request.withheld ? true : null,
    rerun: request.rerun
      ? {
          model_name: 'pebble',
          model_digest: 'cd'.repeat(32),
          same_model: true,
          vectors: 61,
          equal: diverges ? 60 : 61,
          divergences: diverges
            ? [
                {
                  case: 'tobacco-07',
                  recorded: { verdict: 'violates', label: null, margin: 0.2 },
                  now: { verdict: 'safe', label: null, margin: -0.1 },
                },
              ]
            : [],
        }
      : null,
  });
}

export async function importBundle(
  request: BundleImportRequest,
  onProgress: (progress: BundleProgress) => void,
): Promise<ImportedBundle> {
  const report = await verifyBundle({ ...request, rerun: false, any_model: false }, onProgress);
  const policy = request.name ?? 'theirs';
  if (simulation.policies.some((one) => one.name === policy))
    fail('input', `policies/${policy}.md exists and says something else. Choose another name.`);
  const sample = simulation.policy('tobacco');
  simulation.policies.push({ ...sample, name: policy });
  return later({
    policy,
    run: 40,
    policy_file: `policies/${policy}.md`,
    suite_file: `fixtures/${policy}.jsonl`,
    cases: 61,
    report,
  });
}
