// What the editor marks for the case that is looked at: the change that caused its flip,
// and the clauses that its verdict rests on. Only in the text that was judged.

import type { Insight } from './insight.svelte';
import { pairOnShow } from './insightActions';
import type { PolicyTab } from './policy.svelte';

/** Lines, both ends included; a change that only removed lines stands above its line. */
export type Mark = { kind: 'cause' | 'removed' | 'rests'; from: number; to: number };

export function marksOf(insight: Insight, tab: PolicyTab): readonly Mark[] {
  const { summary, analysis } = tab;
  const id = tab.table.selected;
  const judged = tab.analysed === tab.text && summary?.revision === analysis.revision;
  if (id === null || !summary || !judged) return [];
  const marks: Mark[] = [];
  const pair = pairOnShow(tab);
  const found = pair && insight.attribution(pair.a, pair.b);
  for (const at of found?.flips.find((flip) => flip.case === id)?.hunks ?? []) {
    const hunk = found?.hunks[at];
    if (hunk?.after) marks.push({ kind: 'cause', from: hunk.after.first, to: hunk.after.last });
    else if (hunk) marks.push({ kind: 'removed', from: hunk.line, to: hunk.line });
  }
  const rests = insight.ablation(summary.run, id);
  const decisive = new Set([...(rests?.decisive ?? []), ...(rests?.smallest ?? [])]);
  for (const clause of analysis.clauses) {
    if (decisive.has(clause.id))
      marks.push({ kind: 'rests', from: clause.line_start, to: clause.line_end });
  }
  return marks;
}
