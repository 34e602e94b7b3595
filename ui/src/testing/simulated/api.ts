// The simulated back end: the same functions as ../../api.ts, in memory. Used by tests and
// by `vite --mode simulated`; a plain build cannot reach it. `simulation` lets tests
// and the browser's console cause what is hard to cause otherwise.

import type * as real from '../../api';
import type {
  BundleProgress,
  Case,
  CaseRow,
  EvaluateRequest,
  Exported,
  ExportRequest,
  PolicyDocument,
  Progress,
  Release,
  ReleaseView,
  RunEvent,
  RunId,
  RunSummary,
  RunView,
  SaveResult,
  SignOff,
  SignOffRequest,
  SuiteEdit,
  SuiteSaved,
  SuiteView,
  TraceView,
  WorkspaceEvent,
  WorkspaceView,
} from '../../lib/types';
import {
  analysisOf,
  citationsOf,
  clausesOf,
  compare as compareRows,
  figuresOf,
  hash,
  judge,
  wordDiff,
} from './judge';
import { releaseViewOf } from './release';
import { importBundle, verifyBundle } from './bundles';
import { drops, importPreview, importSuite, pickFile } from './importing';
import {
  addServer,
  checkLeave,
  decideHost,
  removeServer,
  serverModel,
  serverModels,
  setServerKey,
  testServer,
} from './servers';
import {
  cancelModelTask,
  fetchModel,
  installed,
  modelInfo,
  models,
  speedTest,
  verifyModel,
} from './models';
import * as insight from './insight';
import { compare, coverage, exportCsv, exportSvg, search, statistics } from './screens';
import type { SamplePolicy } from './samples';
import { beginRun, fail, simulation, type Going, type Run, withCase } from './simulation';

export { cancelModelTask, fetchModel, modelInfo, models, speedTest, verifyModel };
export { simulation };
export { ablate, ablation, attribute, attribution, cancelProbes, confirm } from './insight';
export { compare, coverage, exportCsv, exportSvg, search, statistics };

const root = '/srv/marketplace';

const later = <T>(value: T) => new Promise<T>((resolve) => setTimeout(() => resolve(value), 4));

const suiteHash = (policy: SamplePolicy) => hash(JSON.stringify(policy.cases));

function suiteOf(policy: SamplePolicy): SuiteView {
  const file = `fixtures/${policy.name}.jsonl`;
  return {
    file,
    file_hash: suiteHash(policy),
    cases: policy.cases,
    problems: simulation.suiteProblems
      ? [
          {
            severity: 'error',
            file,
            line: 12,
            message:
              'The line is not valid JSON (expected `,` at column 58). It was left out; mend it or remove it.',
          },
          {
            severity: 'warning',
            file,
            line: 31,
            message: 'The field `severity` is not known and was ignored.',
          },
          {
            severity: 'error',
            file,
            line: 40,
            message:
              'The id `tobacco-03` stands on line 3 already. This line was left out; give it another id.',
          },
        ]
      : [],
  };
}

function runOf(id: RunId | null): Run | null {
  return simulation.runs.find((run) => run.summary.run === id) ?? null;
}

function rowsOf(policy: SamplePolicy, run: Run, base: Run | null): CaseRow[] {
  return policy.cases.map((item) => {
    const row = run.rows.get(item.id) ?? {
      ...judge(item, run.text).row,
      verdict: null,
      label: null,
      rules: [],
      margin: null,
      correct: null,
      unparsed_reason: null,
    };
    const correct = row.verdict && item.expected ? row.verdict === item.expected : null;
    const compared = compareRows(
      { ...row, tags: item.tags ?? [], expected: item.expected ?? null, correct },
      base?.rows.get(item.id),
    );
    return insight.withFindings(compared, base, run);
  });
}

function summaryOf(run: Run): RunSummary {
  return {
    ...run.summary,
    is_baseline: simulation.baselines.get(run.summary.policy) === run.summary.run,
  };
}

function viewOf(run: Run, base: Run | null): RunView {
  const policy = simulation.policy(run.summary.policy);
  const rows = rowsOf(policy, run, base);
  const baseRows = base ? policy.cases.flatMap((item) => base.rows.get(item.id) ?? []) : null;
  return {
    summary: summaryOf(run),
    baseline: base && summaryOf(base),
    rows,
    figures: figuresOf(rows, baseRows, clausesOf(run.text)),
    usage: null,
  };
}

export async function workspace(): Promise<WorkspaceView> {
  if (simulation.badDatabase)
    fail('bad_database', '.touchstone/studio.db cannot be read as a database.');
  return later({
    root,
    name: 'marketplace',
    policies: simulation.policies.map(({ name, text, cases }) => ({
      name,
      title: /^title: (.*)$/m.exec(text)?.[1] ?? name,
      file: `policies/${name}.md`,
      suite_file: `fixtures/${name}.jsonl`,
      cases: cases.length,
    })),
    models: [...installed(), ...simulation.servers.map(serverModel)],
    model: simulation.model,
    problems: [],
  });
}

export const openWorkspace = (_path: string) => workspace();

export async function moveDatabaseAside() {
  simulation.badDatabase = false;
  return workspace();
}

export async function openPolicy(name: string): Promise<PolicyDocument> {
  if (name === simulation.unreadable) {
    fail(
      'input',
      `policies/${name}.md is not UTF-8 (byte 812). Save it as UTF-8 and open it again.`,
    );
  }
  const policy = simulation.policy(name);
  const baseline = simulation.baselines.get(name) ?? null;
  const analysis = analysisOf(`policies/${name}.md`, policy.text, runOf(baseline)?.text ?? null);
  return later({
    name,
    text: policy.text,
    file_hash: hash(policy.text),
    analysis,
    suite: suiteOf(policy),
    runs: await runs(name),
    baseline,
    current: null,
  });
}

export async function createPolicy(name: string, title: string): Promise<PolicyDocument> {
  if (simulation.policies.some((policy) => policy.name === name)) {
    fail('input', `policies/${name}.md exists already. Choose another name.`);
  }
  const text = `---\nid: ${name}\ntitle: ${title}\noutput: label\nlabels:\n  VIOLATES: violates\n  SAFE: safe\n---\n\n# ${title}\n\n## Violates\n- A1 …\n\n## Safe\n- B1 …\n`;
  simulation.policies.push({ name, text, cases: [] });
  return openPolicy(name);
}

export async function analyze(name: string, text: string, baseline: RunId | null) {
  return later(analysisOf(`policies/${name}.md`, text, runOf(baseline)?.text ?? null));
}

export async function savePolicy(
  name: string,
  text: string,
  baseHash: string,
): Promise<SaveResult> {
  const policy = simulation.policy(name);
  if (hash(policy.text) !== baseHash) {
    return later({ kind: 'conflict', disk_text: policy.text, disk_hash: hash(policy.text) });
  }
  // As much of the canonical form as a test needs: no blank lines at the end.
  policy.text = text.replace(/\n{2,}$/, '\n');
  return later({ kind: 'saved', file_hash: hash(policy.text), text: policy.text });
}

export async function editSuite(
  name: string,
  baseHash: string,
  edit: SuiteEdit,
): Promise<SuiteSaved> {
  const policy = simulation.policy(name);
  if (suiteHash(policy) !== baseHash) return later({ saved: false, suite: suiteOf(policy) });
  const id = edit.kind === 'add' ? null : edit.id;
  const drop = (run: Run) => id !== null && run.rows.delete(id);
  if (edit.kind === 'add') policy.cases = withCase(policy.cases, edit.case, edit.before);
  if (edit.kind === 'remove') policy.cases = policy.cases.filter((item) => item.id !== id);
  if (edit.kind === 'replace')
    policy.cases = policy.cases.map((item: Case) => (item.id === id ? edit.case : item));
  if (edit.kind === 'replace')
    simulation.runs.forEach((run) => run.summary.state === 'running' && drop(run));
  return later({ saved: true, suite: suiteOf(policy) });
}

/** Judges the cases of a run that have no outcome yet, one after the other. */
function proceed(run: Run, base: Run | null, onEvent: (event: RunEvent) => void) {
  const policy = simulation.policy(run.summary.policy);
  simulation.going?.stop({ kind: 'cancelled', run: simulation.going.run.summary.run });
  let timer: ReturnType<typeof setTimeout>;
  const end = (event: RunEvent) => {
    clearTimeout(timer);
    if (simulation.going === going) simulation.going = null;
    if (run.summary.state === 'running') run.summary.state = 'interrupted';
    onEvent(event);
  };
  const going: Going = { run, stop: end, watch: () => undefined };
  simulation.going = going;
  const started = Date.now();
  const cached = run.rows.size;
  const step = () => {
    const next = policy.cases
      .filter((item) => !run.rows.has(item.id))
      .slice(0, simulation.caseMs === 0 ? 1e6 : Math.max(1, Math.ceil(policy.cases.length / 100)));
    if (next.length === 0) {
      run.summary.state = 'finished';
      run.summary.finished_at_ms = Date.now();
      run.summary.metrics = viewOf(run, null).figures.metrics;
      return end({ kind: 'finished', view: viewOf(run, base) });
    }
    for (const item of next) run.rows.set(item.id, judge(item, run.text).row);
    const view = viewOf(run, base);
    const elapsed = Date.now() - started;
    const done = run.rows.size;
    const rate = elapsed / Math.max(1, done - cached);
    const progress: Progress = {
      done,
      total: policy.cases.length,
      cached,
      running: Math.min(4, policy.cases.length - done),
      tokens_per_s: 412 + (done % 9),
      left_ms: (policy.cases.length - done) * rate,
      elapsed_ms: elapsed,
      prefix_tokens: 301,
      prefix_reused: 212,
    };
    const changed = new Set(next.map((item) => item.id));
    onEvent({
      kind: 'outcomes',
      rows: view.rows.filter((row) => changed.has(row.case)),
      figures: view.figures,
      progress,
    });
    const watched = policy.cases.find((item) => item.id === simulation.watching);
    if (watched && !run.rows.has(watched.id)) {
      const { trace } = judge(watched, run.text);
      onEvent({
        kind: 'trace_text',
        case: watched.id,
        text: trace.slice(0, Math.floor((trace.length * done) / policy.cases.length)),
      });
    }
    timer = setTimeout(step, simulation.caseMs);
  };
  timer = setTimeout(() => {
    onEvent({ kind: 'started', view: viewOf(run, base) });
    timer = setTimeout(step, simulation.caseMs);
  }, 0);
}

/** Counts requests, so that the last of those that wait is the one that runs. */
let turns = 0;

export async function evaluate(request: EvaluateRequest, onEvent: (event: RunEvent) => void) {
  const policy = simulation.policy(request.policy);
  const turn = ++turns;
  simulation.probing += 1;
  const base = runOf(request.baseline);
  const file = `policies/${request.policy}.md`;
  const analysis = analysisOf(file, request.text, null);
  const error = analysis.problems.find((problem) => problem.severity === 'error');
  simulation.going?.stop({ kind: 'cancelled', run: null });
  if (simulation.evaluateFailure)
    return onEvent({ kind: 'failed', failure: simulation.evaluateFailure });
  if (error)
    return onEvent({
      kind: 'failed',
      failure: { code: 'input', message: `${file}: ${error.message}` },
    });
  const same = simulation.runs.filter(
    (run) => run.summary.policy === policy.name && run.summary.revision === analysis.revision,
  );
  const complete = same.find(
    (run) =>
      policy.cases.every((item) => run.rows.has(item.id)) && run.summary.state === 'finished',
  );
  if (complete) return onEvent({ kind: 'unchanged', view: viewOf(complete, base) });
  if (request.delay_ms > 0) {
    await new Promise((resolve) => setTimeout(resolve, request.delay_ms));
    if (turn !== turns) return onEvent({ kind: 'cancelled', run: null });
  }
  const run = beginRun(policy, request.text, Date.now());
  for (const earlier of same)
    for (const [id, row] of earlier.rows) run.rows.set(id, { ...row, cached: true });
  proceed(run, base, onEvent);
}

export async function resume(id: RunId, onEvent: (event: RunEvent) => void) {
  const run = runOf(id);
  if (!run) fail('input', `There is no run ${id}.`);
  run.summary.state = 'running';
  for (const key of [...run.rows.keys()].slice(20)) run.rows.delete(key);
  proceed(run, runOf(simulation.baselines.get(run.summary.policy) ?? null), onEvent);
}

export async function cancel() {
  turns++;
  simulation.going?.stop({ kind: 'cancelled', run: simulation.going.run.summary.run });
}

export async function runs(policy: string): Promise<RunSummary[]> {
  return later(
    simulation.runs
      .filter((run) => run.summary.policy === policy)
      .map(summaryOf)
      .reverse(),
  );
}

export async function runView(id: RunId, baseline: RunId | null): Promise<RunView> {
  const run = runOf(id);
  if (!run) fail('input', `There is no run ${id}.`);
  return later(viewOf(run, runOf(baseline)));
}

export async function trace(id: RunId, caseId: string, baseline: RunId | null): Promise<TraceView> {
  const run = runOf(id);
  const item = simulation
    .policy(run?.summary.policy ?? 'tobacco')
    .cases.find((entry) => entry.id === caseId);
  if (!run || !item) fail('input', `Run ${id} has no case ${caseId}.`);
  const base = runOf(baseline);
  const now = judge(item, run.text);
  const before = base && judge(item, base.text);
  return later({
    run: id,
    row: compareRows(now.row, base?.rows.get(caseId)),
    case: item,
    trace: now.trace,
    citations: citationsOf(now.trace, clausesOf(run.text)),
    answer: now.answer,
    tokens: { prompt: 342, reused: 301, generated: 74, drafted: 40, accepted: 31 },
    latency_ms: 183,
    baseline: base &&
      before && {
        run: base.summary.run,
        trace: before.trace,
        answer: before.answer,
        diff: wordDiff(before.trace, now.trace),
      },
  });
}

export async function watchTrace(id: string | null) {
  simulation.watching = id;
}

export async function setBaseline(policy: string, run: RunId | null) {
  simulation.baselines.set(policy, run);
}

export async function restore(run: RunId) {
  return later(runOf(run)?.text ?? fail('input', `There is no run ${run}.`));
}

export async function selectModel(id: string) {
  if (id.startsWith('http')) checkLeave(id);
  simulation.model = id;
  return workspace();
}

export async function releaseView(policy: string): Promise<ReleaseView> {
  return later(releaseViewOf(simulation.policy(policy)));
}

export async function release(
  policy: string,
  version: string,
  changeLog: string,
): Promise<Release> {
  const view = releaseViewOf(simulation.policy(policy));
  if (!view.run || view.blocks.length > 0) fail('input', 'Not every gate is met.');
  const made: Release = {
    policy,
    version,
    run: view.run.run,
    revision: view.run.revision,
    change_log: changeLog,
    gates: view.report?.results ?? [],
    released_at_ms: Date.now(),
    sign_offs: [],
  };
  simulation.releases.unshift(made);
  return later(made);
}

export async function signOff({ run, ...by }: SignOffRequest): Promise<SignOff[]> {
  const signOffs = simulation.signOffs.get(run) ?? [];
  signOffs.push({ ...by, signed_at_ms: Date.now() });
  simulation.signOffs.set(run, signOffs);
  return later(signOffs);
}

export async function exportBundle(
  request: ExportRequest,
  onProgress: (progress: BundleProgress) => void,
): Promise<Exported> {
  if (simulation.exports.some((made) => made.out === request.out) && !request.overwrite)
    fail('input', `${request.out} exists. Allow to replace it, or choose another name.`);
  for (const step of ['reading', 'packing', 'signing', 'writing'] as const) {
    onProgress({ step, done: 28, total: 56 });
    await later(null);
  }
  simulation.exports.push(request);
  return {
    path: `${root}/${request.out}`,
    run: request.run ?? 0,
    format: request.format,
    sha256: request.format === 'bundle' ? hash(request.out).repeat(8) : null,
    bytes: 48_213,
    cases: 56,
    key_ids: request.signers.map((signer) => hash(signer.key_file)),
    salt_file: request.content === 'withheld' ? `${root}/${request.out}.salt` : null,
  };
}

export { importBundle, verifyBundle };

export { addServer, decideHost, removeServer, serverModels, setServerKey, testServer };

export async function watch(onEvent: (event: WorkspaceEvent) => void) {
  simulation.tell = onEvent;
}

export async function pickFolder(): Promise<string | null> {
  return later(null);
}

export async function pickTarget(name: string): Promise<string | null> {
  return later(`/srv/out/${name}`);
}
export { drops, importPreview, importSuite, pickFile };

// The compiler holds both back ends to one shape.
({
  workspace,
  openWorkspace,
  moveDatabaseAside,
  openPolicy,
  createPolicy,
  analyze,
  savePolicy,
  editSuite,
  evaluate,
  resume,
  cancel,
  runs,
  runView,
  trace,
  watchTrace,
  setBaseline,
  restore,
  selectModel,
  releaseView,
  release,
  signOff,
  exportBundle,
  verifyBundle,
  importBundle,
  watch,
  drops,
  pickFolder,
  pickFile,
  pickTarget,
  addServer,
  removeServer,
  serverModels,
  testServer,
  setServerKey,
  decideHost,
  importPreview,
  importSuite,
  models,
  modelInfo,
  fetchModel,
  verifyModel,
  speedTest,
  cancelModelTask,
  ...insight,
  compare,
  coverage,
  exportCsv,
  exportSvg,
  search,
  statistics,
}) satisfies typeof real;
