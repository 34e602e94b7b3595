// What the command palette offers, and how it is searched.

import type { Messages } from '../messages/en';
import { commands } from './commands';
import type { Studio } from './studio.svelte';

export type PaletteEntry = {
  id: string;
  kind: string;
  title: string;
  keys?: string;
  run: () => void;
};

export function paletteEntries(studio: Studio, m: Messages): PaletteEntry[] {
  const actions = commands
    .filter((command) => command.id !== 'palette' && (command.enabled?.(studio) ?? true))
    .map((command) => ({
      id: command.id,
      kind: '',
      title: command.title(m),
      keys: command.keys,
      run: () => command.run(studio),
    }));
  const policies = (studio.workspace?.policies ?? []).map((policy) => ({
    id: `policy:${policy.name}`,
    kind: m.palettePolicy,
    title: policy.title === policy.name ? policy.name : `${policy.title} (${policy.name}.md)`,
    run: () => void studio.activate(policy.name),
  }));
  const clauses = (studio.tab?.analysis.clauses ?? []).map((clause, at) => ({
    id: `clause:${at}`,
    kind: m.paletteClause,
    title: `${clause.id}  ${clause.text}`,
    run: () => studio.goToClause(clause.id),
  }));
  const runs = (studio.tab?.runs ?? []).slice(0, 20).map((run) => ({
    id: `run:${run.run}`,
    kind: m.paletteRun,
    title: m.runNumber(run.run),
    run: () => void (studio.tab && studio.viewRun(studio.tab, run.run)),
  }));
  return [...actions, ...policies, ...clauses, ...runs];
}

/** Entries that contain the query's letters in order, the tightest matches first. */
export function search(entries: readonly PaletteEntry[], query: string): PaletteEntry[] {
  const wanted = query.trim().toLowerCase();
  if (wanted === '') return [...entries];
  const scored = entries.flatMap((entry) => {
    const score = matchScore(`${entry.kind} ${entry.title}`.toLowerCase(), wanted);
    return score === null ? [] : [{ entry, score }];
  });
  return scored.sort((a, b) => a.score - b.score).map(({ entry }) => entry);
}

/** Smaller is better; `null` when some letter is missing. */
function matchScore(text: string, wanted: string): number | null {
  const whole = text.indexOf(wanted);
  if (whole >= 0) return whole === 0 || text[whole - 1] === ' ' ? whole / 100 : 1 + whole / 100;
  let at = -1;
  let gaps = 0;
  for (const letter of wanted) {
    const next = text.indexOf(letter, at + 1);
    if (next < 0) return null;
    gaps += next - at - 1;
    at = next;
  }
  return 10 + gaps;
}
