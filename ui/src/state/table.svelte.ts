// The cases table's order, filter and selection. The order is frozen while results
// stream: rows change in place, and are grouped anew when the run settles or the
// person asks.

import type { CaseRow } from '../lib/types';

export type Filter = 'all' | 'flipped' | 'wrong' | 'near' | 'running';
export type Column = 'verdict' | 'expected' | 'margin' | 'case' | 'rule' | 'tags';
export type Sort = { column: Column; descending: boolean };
export type Group = 'flips' | 'rest';
export type Item = { kind: 'group'; group: Group; count: number } | { kind: 'case'; id: string };

/** Some cases alone, and why: those behind a gate, for instance. */
export type Only = { reason: string; cases: ReadonlySet<string> };

export type TableSource = {
  readonly rows: readonly CaseRow[];
  readonly running: boolean;
  readonly compared: boolean;
  row(id: string): CaseRow | undefined;
  /** Everything of a case that the text filter looks at, in lower case. */
  haystack(id: string): string;
};

export const FILTERS: readonly Filter[] = ['all', 'flipped', 'wrong', 'near', 'running'];

/** Within this margin, odds of about 7 to 1, a case is near the line. */
export const NEAR_MARGIN = 2;

const FLIP_ORDER = { broken: 0, fixed: 1, changed: 2 } as const;

export function matches(filter: Filter, row: CaseRow, running: boolean): boolean {
  switch (filter) {
    case 'all':
      return true;
    case 'flipped':
      return row.flip !== null;
    case 'wrong':
      return row.correct === false;
    case 'near':
      return row.margin !== null && Math.abs(row.margin) < NEAR_MARGIN;
    case 'running':
      return running && row.verdict === null;
  }
}

function sortKey(row: CaseRow, column: Column): string | number {
  switch (column) {
    case 'verdict':
      return row.verdict ?? '~';
    case 'expected':
      return row.expected ?? '~';
    case 'margin':
      return row.margin ?? Number.POSITIVE_INFINITY;
    case 'case':
      return row.excerpt.toLowerCase();
    case 'rule':
      return row.rules[0] ?? '~';
    case 'tags':
      return row.tags[0] ?? '~';
  }
}

function sorted(rows: CaseRow[], sort: Sort | null): CaseRow[] {
  if (!sort) return rows;
  const sign = sort.descending ? -1 : 1;
  const keyed = rows.map((row) => ({ row, key: sortKey(row, sort.column) }));
  keyed.sort((a, b) => (a.key < b.key ? -sign : a.key > b.key ? sign : 0));
  return keyed.map(({ row }) => row);
}

export class CaseTable {
  filter = $state<Filter>('all');
  query = $state('');
  only = $state.raw<Only | null>(null);
  sort = $state.raw<Sort | null>(null);
  items = $state.raw<readonly Item[]>([]);
  selected = $state<string | null>(null);

  /** Not every case is listed. */
  readonly narrowed = $derived(this.filter !== 'all' || this.query !== '' || this.only !== null);

  #source: TableSource;
  readonly counts: Record<Filter, number> = $derived.by(() => this.#count());
  readonly selectedIndex = $derived(
    this.items.findIndex((item) => item.kind === 'case' && item.id === this.selected),
  );

  constructor(source: TableSource) {
    this.#source = source;
  }

  setFilter(filter: Filter) {
    this.filter = filter;
    this.regroup();
  }

  setQuery(query: string) {
    this.query = query;
    this.regroup();
  }

  setOnly(only: Only | null) {
    this.only = only;
    if (only) {
      this.filter = 'all';
      this.query = '';
    }
    this.regroup();
    if (only) this.selected = this.#ids()[0] ?? null;
  }

  toggleSort(column: Column) {
    if (this.sort?.column !== column) this.sort = { column, descending: false };
    else this.sort = this.sort.descending ? null : { column, descending: true };
    this.regroup();
  }

  /** Puts every row where it belongs now. */
  regroup() {
    const shown = this.#source.rows.filter(this.#shows());
    const flips = this.#source.compared ? shown.filter((row) => row.flip !== null) : [];
    const rest = flips.length > 0 ? shown.filter((row) => row.flip === null) : shown;
    if (!this.sort) {
      flips.sort((a, b) => FLIP_ORDER[a.flip ?? 'changed'] - FLIP_ORDER[b.flip ?? 'changed']);
      if (this.filter === 'near')
        rest.sort((a, b) => Math.abs(a.margin ?? 0) - Math.abs(b.margin ?? 0));
    }
    const items: Item[] = [];
    const add = (rows: CaseRow[], group?: Group) => {
      if (rows.length > 0 && group) items.push({ kind: 'group', group, count: rows.length });
      for (const row of sorted(rows, this.sort)) items.push({ kind: 'case', id: row.case });
    };
    add(flips, 'flips');
    // Without flips, or with nothing else, a heading would say what the filter says.
    add(rest, flips.length > 0 ? 'rest' : undefined);
    this.items = items;
    this.#keepSelection();
  }

  /** Follows rows that came or went while a run is going, without moving the others. */
  follow() {
    if (this.items.length === 0) return this.regroup();
    const listed = new Set<string>();
    const kept = this.items.filter((item) => {
      if (item.kind === 'group') return true;
      const row = this.#source.row(item.id);
      if (!row || (this.filter === 'running' && row.verdict !== null)) return false;
      listed.add(item.id);
      return true;
    });
    const shows = this.#shows();
    const added = this.#source.rows.filter((row) => !listed.has(row.case) && shows(row));
    if (kept.length === this.items.length && added.length === 0) return;
    this.items = [...kept, ...added.map((row): Item => ({ kind: 'case', id: row.case }))];
    this.#keepSelection();
  }

  /** Moves the selection by `step` cases; group headings are passed over. */
  move(step: number) {
    const towards = step < 0 ? -1 : 1;
    let at = this.selectedIndex;
    let found = this.selected;
    for (let left = Math.abs(step); left > 0;) {
      at += towards;
      const item = this.items[at];
      if (!item) break;
      if (item.kind === 'group') continue;
      found = item.id;
      left--;
    }
    this.selected = found;
  }

  moveToFlip(step: 1 | -1) {
    const flips = this.#ids().filter((id) => this.#source.row(id)?.flip != null);
    if (flips.length === 0) return;
    const at = this.selected === null ? -1 : flips.indexOf(this.selected);
    const to = at < 0 ? (step > 0 ? 0 : flips.length - 1) : at + step;
    this.selected = flips[(to + flips.length) % flips.length] ?? null;
  }

  /** Shows a case whatever the filters say. */
  reveal(id: string) {
    if (!this.items.some((item) => item.kind === 'case' && item.id === id)) {
      this.filter = 'all';
      this.query = '';
      this.only = null;
      this.regroup();
    }
    this.selected = id;
  }

  #ids(): string[] {
    return this.items.flatMap((item) => (item.kind === 'case' ? [item.id] : []));
  }

  /** Whether a row is listed, by what is asked for now: read once, not for every row. */
  #shows(): (row: CaseRow) => boolean {
    const { only, filter } = this;
    const running = this.#source.running;
    const words = this.query.toLowerCase().split(/\s+/).filter(Boolean);
    const says = (row: CaseRow) => {
      const text = `${this.#source.haystack(row.case)} ${row.rules.join(' ').toLowerCase()} ${row.label?.toLowerCase() ?? ''}`;
      return words.every((word) => text.includes(word));
    };
    return (row) =>
      (!only || only.cases.has(row.case)) &&
      matches(filter, row, running) &&
      (words.length === 0 || says(row));
  }

  #keepSelection() {
    if (this.selected !== null && this.#source.row(this.selected)) return;
    this.selected = this.items.find((item) => item.kind === 'case')?.id ?? null;
  }

  #count(): Record<Filter, number> {
    const counts = { all: 0, flipped: 0, wrong: 0, near: 0, running: 0 };
    const running = this.#source.running;
    const only = this.only;
    for (const row of this.#source.rows) {
      if (only && !only.cases.has(row.case)) continue;
      for (const filter of FILTERS) if (matches(filter, row, running)) counts[filter]++;
    }
    return counts;
  }
}
