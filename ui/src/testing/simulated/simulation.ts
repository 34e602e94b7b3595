// What the simulated back end holds: files, runs, and the means to cause trouble.

import type {
  Case,
  CaseRow,
  Evidence,
  ExportRequest,
  Failure,
  FileDrop,
  GateResult,
  Problem,
  Release,
  FetchRequest,
  RunEvent,
  RunId,
  RunSummary,
  ServerOptions,
  SignOff,
  WorkspaceEvent,
} from '../../lib/types';
import { analysisOf, figuresOf, hash, judge } from './judge';
import { samples, type SamplePolicy } from './samples';

export type Run = { summary: RunSummary; text: string; rows: Map<string, CaseRow> };
export type Going = {
  run: Run;
  stop: (event: RunEvent) => void;
  watch: (id: string | null) => void;
};

const query = new URLSearchParams(typeof location === 'undefined' ? '' : location.search);
const DAY = 86_400_000;

class Simulation {
  policies: SamplePolicy[] = samples(Number(query.get('cases') ?? 56));
  runs: Run[] = [];
  baselines = new Map<string, RunId | null>();
  model: string | null = 'pebble';
  /** Addresses of models on servers, and the hosts that content may leave for. */
  servers: string[] = [];
  serverOptions = new Map<string, ServerOptions>();
  hosts = new Set<string>();
  /** How long one case takes; 0 finishes in the same turn of the event loop. */
  caseMs = Number(query.get('ms') ?? 40);
  evaluateFailure: Failure | null = null;
  suiteProblems = query.has('problems');
  unreadable: string | null = query.get('unreadable');
  /** What the gates come to, where a test says so. */
  gates: GateResult[] | null = null;
  gateProblems: Problem[] = [];
  releases: Release[] = [];
  signOffs = new Map<RunId, SignOff[]>();
  exports: ExportRequest[] = [];
  badDatabase = query.has('bad-database');
  /** What the person picks when asked for a file. */
  file: string | null = null;
  going: Going | null = null;
  /** Steps in which a model is fetched, verified or measured. */
  modelSteps = Number(query.get('steps') ?? 40);
  modelCancelled = false;
  fetched: string[] = [];
  unfinished: FetchRequest[] = [];
  /** How long one question about a flip takes, and which asking is under way. */
  probeMs = Number(query.get('probe') ?? 30);
  probing = 0;
  evidence = new Map<string, Evidence>();
  causes = new Set<string>();
  ablated = new Set<string>();
  watching: string | null = null;
  tell: (event: WorkspaceEvent) => void = () => undefined;
  drop: (event: FileDrop) => void = () => undefined;

  /** As it was at the start. */
  reset() {
    if (this.going) this.going.stop({ kind: 'cancelled', run: null });
    this.probing += 1;
    this.probeMs = 0;
    this.evidence = new Map();
    this.causes = new Set();
    this.ablated = new Set();
    this.policies = samples(Number(query.get('cases') ?? 56));
    this.runs = [];
    this.baselines = new Map();
    this.gates = null;
    this.gateProblems = [];
    this.releases = [];
    this.signOffs = new Map();
    this.exports = [];
    this.evaluateFailure = null;
    this.model = 'pebble';
    this.servers = [];
    this.serverOptions = new Map();
    this.hosts = new Set();
    this.suiteProblems = query.has('problems');
    this.unreadable = null;
    this.badDatabase = false;
    this.file = null;
    this.modelSteps = 3;
    this.fetched = [];
    this.unfinished = [];
    seedHistory();
  }

  policy(name: string): SamplePolicy {
    const found = this.policies.find((policy) => policy.name === name);
    if (!found) fail('input', `policies/${name}.md does not exist. Choose another policy.`);
    return found;
  }

  /** Another program writes the file. */
  writeOutside(name: string, text: string) {
    this.policy(name).text = text;
    this.tell({ kind: 'policy_changed', name, file_hash: hash(text) });
  }
}

export const simulation = new Simulation();
if (typeof window !== 'undefined') Object.assign(window, { simulation });

export function fail(code: Failure['code'], message: string): never {
  throw { code, message } satisfies Failure;
}

function finishedRun(policy: SamplePolicy, text: string, startedAt: number): Run {
  const rows = new Map(policy.cases.map((item) => [item.id, judge(item, text).row]));
  const run = beginRun(policy, text, startedAt);
  run.rows = rows;
  run.summary.state = 'finished';
  run.summary.finished_at_ms = startedAt + 2400;
  run.summary.metrics = figuresOf([...rows.values()], null, []).metrics;
  return run;
}

export function beginRun(policy: SamplePolicy, text: string, startedAt: number): Run {
  const run: Run = {
    text,
    rows: new Map(),
    summary: {
      run: simulation.runs.length + 28,
      policy: policy.name,
      revision: analysisOf('', text, null).revision ?? '',
      model_name: 'Pebble',
      model_digest: hash('pebble'),
      demonstration: true,
      settings: {
        effort: 'low',
        template_version: 1,
        sampling: { kind: 'greedy' },
        tokens_max: 512,
      },
      state: 'running',
      started_at_ms: startedAt,
      finished_at_ms: null,
      metrics: figuresOf([], null, []).metrics,
      is_baseline: false,
    },
  };
  simulation.runs.push(run);
  return run;
}

function seedHistory() {
  if (query.has('fresh')) return;
  const policy = simulation.policy('tobacco');
  const first = finishedRun(
    policy,
    policy.text.replace('- T6 Generally harmless jokes.\n', ''),
    Date.now() - 9 * DAY,
  );
  const second = finishedRun(policy, policy.text, Date.now() - DAY);
  const third = finishedRun(
    policy,
    policy.text.replace('tobacco or nicotine', 'tobacco'),
    Date.now() - 3_600_000,
  );
  third.summary.state = 'interrupted';
  third.summary.finished_at_ms = null;
  simulation.baselines.set('tobacco', second.summary.run);
  void first;
}

seedHistory();

/** The cases with one more, before the case `before` or at the end. */
export function withCase(cases: Case[], item: Case, before?: string): Case[] {
  const at = cases.findIndex((other) => other.id === before);
  return cases.toSpliced(at < 0 ? cases.length : at, 0, item);
}
