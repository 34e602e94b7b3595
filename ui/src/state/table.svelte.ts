// The cases table's order, filter and selection. The order is frozen while results
// stream: rows change in place, and are grouped anew when the run settles or the
// person asks. Large tables are put in order in slices, so that no frame waits.

import { inSlices } from '../lib/slices';
import type { CaseRow } from '../lib/types';
import {
  arrange,
  Listing,
  NEAR_MARGIN,
  shows,
  type Column,
  type Filter,
  type Only,
  type Sort,
  type Wish,
} from './listing';

export { NEAR_MARGIN, type Column, type Filter, type Item, type Only } from './listing';

export type TableSource = {
  readonly rows: readonly CaseRow[];
  readonly running: boolean;
  readonly compared: boolean;
  row(id: string): CaseRow | undefined;
  /** Everything of a case that the text filter looks at, in lower case. */
  haystack(id: string): string;
};

export const FILTERS: readonly Filter[] = ['all', 'flipped', 'wrong', 'near', 'running'];

export class CaseTable {
  filter = $state<Filter>('all');
  query = $state('');
  only = $state.raw<Only | null>(null);
  sort = $state.raw<Sort | null>(null);
  listing = $state.raw<Listing>(Listing.none);
  selected = $state<string | null>(null);

  /** Not every case is listed. */
  readonly narrowed = $derived(this.filter !== 'all' || this.query !== '' || this.only !== null);

  #source: TableSource;
  /** Where the selection was found last, which is near where it is now. */
  #hint = 0;
  #giveUp: () => void = () => undefined;
  #arranging = false;
  readonly counts: Record<Filter, number> = $derived.by(() => this.#count());
  /** The place of the selection among the cases listed. */
  readonly #place = $derived.by(() => {
    if (this.selected === null) return -1;
    const place = this.listing.placeOf(this.selected, this.#hint);
    this.#hint = Math.max(0, place);
    return place;
  });
  /** The line that the selection stands on, headings counted. */
  readonly selectedIndex = $derived(this.listing.lineOf(this.#place));

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
    this.regroup(() => {
      if (only) this.selected = this.listing.id(0) ?? null;
    });
  }

  toggleSort(column: Column) {
    if (this.sort?.column !== column) this.sort = { column, descending: false };
    else this.sort = this.sort.descending ? null : { column, descending: true };
    this.regroup();
  }

  /** Puts every row where it belongs now. */
  regroup(then?: () => void) {
    this.#giveUp();
    this.#arranging = true;
    this.#giveUp = inSlices(arrange(this.#wish(), this.listing), (listing) => {
      this.#arranging = false;
      this.listing = listing;
      this.#keepSelection();
      if (listing.rows !== this.#source.rows) this.follow();
      then?.();
    });
  }

  /** Follows rows that came or went while a run is going, without moving the others. */
  follow() {
    if (this.#arranging) return;
    const before = this.listing;
    if (before.order.length === 0) return this.regroup();
    const wish = this.#wish();
    const { rows } = wish;
    const isShown = shows(wish);
    const position = positions(before.rows, rows);
    const listed = new Uint8Array(rows.length);
    const order: number[] = [];
    let flips = 0;
    for (let at = 0; at < before.order.length; at++) {
      const now = position(before.order[at] as number);
      const row = rows[now];
      if (!row || (this.filter === 'running' && row.verdict !== null)) continue;
      order.push(now);
      listed[now] = 1;
      if (at < before.flips) flips = order.length;
    }
    const kept = order.length;
    for (let at = 0; at < rows.length; at++) {
      if (listed[at] === 0 && isShown(rows[at] as CaseRow)) order.push(at);
    }
    if (kept === before.order.length && order.length === kept) return;
    if (this.filter === 'flipped' && wish.compared) flips = order.length;
    this.listing = new Listing(wish, Uint32Array.from(order), flips);
    this.#keepSelection();
  }

  /** Moves the selection by `step` cases; group headings are passed over. */
  move(step: number) {
    const last = this.listing.order.length - 1;
    const to = Math.min(last, Math.max(0, this.#place + step));
    this.selected = this.listing.id(to) ?? this.selected;
  }

  moveToFlip(step: 1 | -1) {
    const { order } = this.listing;
    const from = this.#place < 0 && step < 0 ? 0 : this.#place;
    for (let tried = 1; tried <= order.length; tried++) {
      const at = (from + step * tried + 2 * order.length) % order.length;
      const id = this.listing.id(at);
      if (id === undefined || this.#source.row(id)?.flip == null) continue;
      this.selected = id;
      return;
    }
  }

  /** Shows a case whatever the filters say. */
  reveal(id: string) {
    this.selected = id;
    if (this.listing.placeOf(id) >= 0) return;
    this.filter = 'all';
    this.query = '';
    this.only = null;
    this.regroup();
  }

  #wish(): Wish {
    const { rows, running, compared } = this.#source;
    const { filter, query, only, sort } = this;
    const haystack = (id: string) => this.#source.haystack(id);
    return { rows, filter, query, only, sort, running, compared, haystack };
  }

  #keepSelection() {
    if (this.selected !== null && this.#source.row(this.selected)) return;
    this.selected = this.listing.id(0) ?? null;
  }

  #count(): Record<Filter, number> {
    const counts = { all: 0, flipped: 0, wrong: 0, near: 0, running: 0 };
    const { running, rows } = this.#source;
    const only = this.only;
    for (const row of rows) {
      if (only && !only.cases.has(row.case)) continue;
      counts.all++;
      if (row.flip !== null) counts.flipped++;
      if (row.correct === false) counts.wrong++;
      if (row.margin !== null && Math.abs(row.margin) < NEAR_MARGIN) counts.near++;
      if (running && row.verdict === null) counts.running++;
    }
    return counts;
  }
}

/** Where rows of one list stand in another; rows of one suite mostly stay where they are. */
function positions(
  before: readonly CaseRow[],
  now: readonly CaseRow[],
): (position: number) => number {
  let index: Map<string, number> | null = null;
  return (position) => {
    const id = before[position]?.case ?? '';
    if (now[position]?.case === id) return position;
    index ??= new Map(now.map((row, at) => [row.case, at]));
    return index.get(id) ?? -1;
  };
}
