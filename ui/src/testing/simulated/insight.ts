// What the simulated back end says of flips: tests, causes, and what verdicts rest on. As in
// the real one, asking takes time, a run ends it, and what was found is known from then on.

import type {
  Ablation,
  AttributedHunk,
  Attribution,
  CaseRow,
  ConfirmRequest,
  Confirmed,
  Evidence,
  FlipCause,
  Probing,
  RunId,
} from '../../lib/types';
import { clausesOf, compare as compareRows, judge } from './judge';
import { fail, simulation, type Run } from './simulation';

const PAIRS = 7;
const effort = { asked: 0, known: 0 };

function runOf(id: RunId): Run {
  return (
    simulation.runs.find((run) => run.summary.run === id) ?? fail('input', `There is no run ${id}.`)
  );
}

export const evidenceKey = (before: Run | null, now: Run, id: string) =>
  `${before?.summary.revision ?? ''}:${now.summary.revision}:${id}`;

/** A row as it stands beside the baseline, with what was found about its flip. */
export function withFindings(row: CaseRow, before: Run | null, now: Run): CaseRow {
  const evidence = row.flip ? simulation.evidence.get(evidenceKey(before, now, row.case)) : null;
  return evidence ? { ...row, certainty: evidence.certainty, evidence } : row;
}

export function flipsOf(before: Run, now: Run): CaseRow[] {
  return [...now.rows.values()]
    .map((row) => compareRows(row, before.rows.get(row.case)))
    .filter((row) => row.flip !== null)
    .map((row) => withFindings(row, before, now));
}

/** One step of asking; fails as cancelled when it was ended meanwhile. */
async function step(asked: number) {
  await new Promise((resolve) => setTimeout(resolve, simulation.probeMs));
  if (asked !== simulation.probing)
    fail(
      'cancelled',
      'Cancelled. What was asked is kept, so that asking again goes on from there.',
    );
}

function found(row: CaseRow): Evidence {
  const near = Math.abs(row.margin ?? 0) < 1;
  const shown = near ? 1 : PAIRS - 1;
  return {
    certainty: near ? 'noise' : 'real',
    test: 'samples',
    pairs: PAIRS,
    shown,
    before_same: PAIRS,
    after_same: shown,
  };
}

export async function confirm(
  request: ConfirmRequest,
  onProgress: (news: Probing) => void,
): Promise<Confirmed> {
  const [before, now] = [runOf(request.a), runOf(request.b)];
  const flips = flipsOf(before, now).filter(
    (row) => request.cases.length === 0 || request.cases.includes(row.case),
  );
  const asked = ++simulation.probing;
  const counts = { real: 0, noise: 0, undecided: 0 };
  for (const [at, row] of flips.entries()) {
    await step(asked);
    const evidence = found(row);
    simulation.evidence.set(evidenceKey(before, now, row.case), evidence);
    counts[evidence.certainty] += 1;
    const tested = [{ case: row.case, evidence }];
    onProgress({ effort, done: at + 1, total: flips.length, tested });
  }
  return { flips: flips.length, ...counts, effort };
}

/** The lines that were put in or taken out, as one hunk. */
function hunkOf(before: string, after: string): AttributedHunk | null {
  const [old, now] = [before.split('\n'), after.split('\n')];
  const end = Math.min(old.length, now.length);
  let head = 0;
  while (head < end && old[head] === now[head]) head += 1;
  let tail = 0;
  while (tail < end - head && old.at(-1 - tail) === now.at(-1 - tail)) tail += 1;
  const removed = old.slice(head, old.length - tail);
  const added = now.slice(head, now.length - tail);
  if (removed.length + added.length === 0) return null;
  const lines = (of: string[]) =>
    of.length > 0 ? { first: head + 1, last: head + of.length } : null;
  return {
    hunk: {
      before_start: head + 1,
      before_count: removed.length,
      after_start: head + 1,
      after_count: added.length,
      removed: removed.join('\n'),
      added: added.join('\n'),
    },
    before: lines(removed),
    after: lines(added),
    line: head + 1,
    shown_in: 0,
    clauses: [...clausesOf(before), ...clausesOf(after)]
      .filter((clause) => [...removed, ...added].some((line) => line.includes(` ${clause.id} `)))
      .map((clause) => clause.id)
      .filter((id, at, all) => all.indexOf(id) === at),
    flips: 0,
  };
}

export async function attribution(a: RunId, b: RunId): Promise<Attribution> {
  const [before, now] = [runOf(a), runOf(b)];
  const hunk = hunkOf(before.text, now.text);
  const flips = flipsOf(before, now)
    .filter((row) => simulation.causes.has(evidenceKey(before, now, row.case)))
    .map((row): FlipCause => ({
      case: row.case,
      from: row.before?.verdict ?? 'unparsed',
      to: row.verdict ?? 'unparsed',
      cause: 'one',
      hunks: [0],
    }));
  return { a, b, hunks: hunk ? [{ ...hunk, flips: flips.length }] : [], flips, effort };
}

export async function attribute(
  a: RunId,
  b: RunId,
  cases: string[],
  onProgress: (news: Probing) => void,
): Promise<Attribution> {
  const [before, now] = [runOf(a), runOf(b)];
  const asked = ++simulation.probing;
  for (const done of [1, 2]) {
    await step(asked);
    onProgress({ effort, done, total: 2, tested: [] });
  }
  for (const row of flipsOf(before, now))
    if (cases.length === 0 || cases.includes(row.case))
      simulation.causes.add(evidenceKey(before, now, row.case));
  return attribution(a, b);
}

export async function ablation(run: RunId, id: string): Promise<Ablation | null> {
  return simulation.ablated.has(`${run}:${id}`) ? ablationOf(run, id) : null;
}

function ablationOf(id: RunId, caseId: string): Ablation {
  const run = runOf(id);
  const item = simulation.policy(run.summary.policy).cases.find((one) => one.id === caseId);
  const row = run.rows.get(caseId);
  if (!item || !row) return fail('input', `Run ${id} has no case ${caseId}.`);
  const without = clausesOf(run.text).map((clause) => {
    const text = run.text.split('\n').filter((_, at) => at + 1 !== clause.line_start);
    const said = judge(item, text.join('\n')).row;
    const decisive = row.rules.includes(clause.id);
    return {
      clause: clause.id,
      line: clause.line_start,
      verdict: decisive && said.verdict === row.verdict ? 'unparsed' : (said.verdict ?? 'unparsed'),
      label: said.label,
      margin: said.margin,
      cited: decisive,
      decisive,
    };
  });
  return {
    run: id,
    case: caseId,
    verdict: row.verdict ?? 'unparsed',
    label: row.label,
    without,
    decisive: row.rules,
    smallest: row.rules.slice(0, 1),
    cited: row.rules,
    faithfulness: row.rules.length > 0 ? 1 : null,
    effort,
  };
}

export async function ablate(
  run: RunId,
  id: string,
  onProgress: (news: Probing) => void,
): Promise<Ablation> {
  const asked = ++simulation.probing;
  await step(asked);
  onProgress({ effort, done: 1, total: 1, tested: [] });
  simulation.ablated.add(`${run}:${id}`);
  return ablationOf(run, id);
}

export async function cancelProbes() {
  simulation.probing += 1;
}
