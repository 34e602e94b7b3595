// What is asked about flips and verdicts, and when: by the person, or by the window itself
// once a run has ended.

import { isUntested } from '../lib/certainty';
import type { CaseRow, RunId } from '../lib/types';
import { CONFIRM_MAX } from './insight.svelte';
import type { PolicyTab } from './policy.svelte';
import { preferences } from './preferences.svelte';
import type { Studio } from './studio.svelte';

/** The runs whose flips are on show. */
export function pairOnShow(tab: PolicyTab): { a: RunId; b: RunId } | null {
  const { summary, comparedWith } = tab;
  if (summary?.state !== 'finished' || comparedWith?.state !== 'finished') return null;
  return { a: comparedWith.run, b: summary.run };
}

export function selectedRow(studio: Studio): CaseRow | null {
  const tab = studio.screen === 'workbench' ? studio.tab : null;
  const id = tab?.table.selected;
  return id == null ? null : (tab?.row(id) ?? null);
}

/** The person asks whether the flips on show are real. */
export function testFlips(studio: Studio, tab: PolicyTab) {
  const pair = pairOnShow(tab);
  const flips = tab.rows.filter((row) => row.flip !== null).length;
  if (!pair || flips === 0) return;
  studio.insight.confirm({ ...pair, cases: [], flips, automatic: false }, (found) =>
    tab.tested(pair.a, pair.b, found),
  );
}

/**
 * Flips are tested when nothing else is to be done: those of the present text, up to a
 * bound, by the model that judged both runs, and by no server, where it would cost.
 */
export function testWhenIdle(studio: Studio) {
  const tab = studio.tab;
  const pair = tab && tab.viewing === null && pairOnShow(tab);
  if (!pair || !preferences.confirmFlips || tab.session.phase !== 'finished') return;
  const [before, now] = [tab.comparedWith, tab.summary];
  if (now?.settings.server || now?.model_digest !== before?.model_digest) return;
  if (now?.model_digest !== studio.model?.digest) return;
  const cases = tab.rows.filter(isUntested).slice(0, CONFIRM_MAX);
  if (cases.length === 0) return;
  const ids = cases.map((row) => row.case);
  studio.insight.confirm({ ...pair, cases: ids, flips: ids.length, automatic: true }, (found) =>
    tab.tested(pair.a, pair.b, found),
  );
}

/** Which hunk of the edit caused the flip that is looked at. */
export function findCause(studio: Studio) {
  const row = selectedRow(studio);
  const pair = studio.tab && pairOnShow(studio.tab);
  if (row?.flip && pair) studio.insight.attribute(pair.a, pair.b, row.case, 1);
}

/** On which clauses the verdict that is looked at rests. */
export function findClauses(studio: Studio) {
  const row = selectedRow(studio);
  const run = studio.tab?.summary;
  if (row?.verdict && run) studio.insight.ablate(run.run, row.case);
}
