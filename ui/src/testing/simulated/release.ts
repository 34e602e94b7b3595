// The simulated release: gates that look real, over whatever run there is.

import type { Block, Gate, GateResult, ReleaseView } from '../../lib/types';
import { analysisOf } from './judge';
import type { SamplePolicy } from './samples';
import { simulation } from './simulation';

const gate = (metric: Gate['metric'], bound: number, line: number, more: Partial<Gate> = {}) =>
  ({
    policy: null,
    scope: { kind: 'suite' },
    metric,
    side: ['false_positive_rate', 'unparsed', 'regressions'].includes(metric)
      ? 'at_most'
      : 'at_least',
    bound,
    line,
    ...more,
  }) satisfies Gate;

/** One of each state: a share met, one missed, a count, one that cannot be measured. */
export function sampleGates(policy: SamplePolicy): GateResult[] {
  const ids = policy.cases.map((item) => item.id);
  const result = (made: Gate, state: GateResult['state'], value: number | null, cases: string[]) =>
    ({ gate: made, state, value, gap: null, cases, message: made.metric }) as GateResult;
  return [
    result(gate('recall', 0.9, 7), 'passed', 0.94, ids.slice(0, 2)),
    result(gate('false_positive_rate', 0.1, 8), 'failed', 0.117, ids.slice(2, 5)),
    result(gate('kappa', 0.75, 9), 'passed', 0.82, ids.slice(0, 5)),
    {
      ...result(gate('regressions', 0, 10), 'unmeasured', null, []),
      gap: 'no_baseline',
    },
    result(gate('unparsed', 0, 11), 'passed', 0, []),
    result(
      gate('recall', 0.6, 14, { scope: { kind: 'tag', tag: 'hard' } }),
      'passed',
      0.75,
      ids.slice(0, 1),
    ),
  ];
}

export function releaseViewOf(policy: SamplePolicy): ReleaseView {
  const revision = analysisOf('', policy.text, null).revision;
  const run = [...simulation.runs]
    .reverse()
    .find(
      ({ summary }) =>
        summary.policy === policy.name &&
        summary.revision === revision &&
        summary.state === 'finished',
    )?.summary;
  const results = simulation.gates ?? sampleGates(policy);
  const passed = results.every((result) => result.state === 'passed');
  const releases = simulation.releases.filter((made) => made.policy === policy.name);
  const blocks: Block[] = [];
  if (simulation.gateProblems.length > 0) blocks.push('problems');
  if (!run) blocks.push('not_run');
  else if (results.length === 0) blocks.push('no_gates');
  else if (!passed) blocks.push('gates_not_met');
  if (run && releases[0]?.run === run.run) blocks.push('released_already');
  return {
    policy: policy.name,
    revision,
    run: run ?? null,
    gates: results.map((result) => result.gate),
    report:
      run && results.length > 0 && simulation.gateProblems.length === 0
        ? { policy: policy.name, run, baseline: null, passed, results }
        : null,
    problems: simulation.gateProblems,
    blocks,
    sign_offs: run ? (simulation.signOffs.get(run.run) ?? []) : [],
    releases: releases.map((made) => ({
      ...made,
      sign_offs: simulation.signOffs.get(made.run) ?? [],
    })),
    since: releases[0]?.version ?? null,
    next_version: String(releases.length + 1),
    change_log: run ? 'First release: 9 clauses, 56 cases.' : '',
    policy_diff: releases.length > 0 ? '--- a\n+++ b\n@@ -1 +1 @@\n-one\n+two\n' : '',
  };
}
