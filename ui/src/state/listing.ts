// Which rows the cases table lists, in which order: positions of rows, so that a hundred
// thousand cost four bytes each. It is made in steps, and what was listed before serves
// where the wish has only become narrower.

import { sortInSlices } from '../lib/slices';
import type { CaseRow } from '../lib/types';

export type Filter = 'all' | 'flipped' | 'wrong' | 'near' | 'running';
export type Column = 'verdict' | 'expected' | 'margin' | 'case' | 'rule' | 'tags';
export type Sort = { column: Column; descending: boolean };
export type Group = 'flips' | 'rest';
export type Item = { kind: 'group'; group: Group; count: number } | { kind: 'case'; id: string };

/** Some cases alone, and why: those behind a gate, for instance. */
export type Only = { reason: string; cases: ReadonlySet<string> };

/** What a person wants to see of the rows. */
export type Wish = {
  rows: readonly CaseRow[];
  filter: Filter;
  query: string;
  only: Only | null;
  sort: Sort | null;
  running: boolean;
  compared: boolean;
  /** Everything of a case that the text filter looks at, in lower case. */
  haystack: (id: string) => string;
};

/** Within this margin, odds of about 7 to 1, a case is near the line. */
export const NEAR_MARGIN = 2;

/** Rows looked at between two places where the work may be interrupted. */
const STEP_ROWS = 256;

export class Listing {
  readonly wish: Wish | null;
  readonly rows: readonly CaseRow[];
  readonly order: Uint32Array;
  /** So many at the beginning are flips, under a heading of their own. */
  readonly flips: number;

  constructor(wish: Wish | null, order: Uint32Array, flips: number) {
    this.wish = wish;
    this.rows = wish?.rows ?? [];
    this.order = order;
    this.flips = flips;
  }

  static readonly none = new Listing(null, new Uint32Array(), 0);

  /** Lines, headings included. Without flips, or with nothing else, a heading would say
   * what the filter says. */
  get length(): number {
    return this.order.length + this.#headings(this.order.length);
  }

  /** What stands on a line. */
  item(line: number): Item | undefined {
    const rest = this.order.length - this.flips;
    if (this.flips > 0 && line === 0) return { kind: 'group', group: 'flips', count: this.flips };
    if (this.flips > 0 && rest > 0 && line === this.flips + 1)
      return { kind: 'group', group: 'rest', count: rest };
    const at = this.flips === 0 ? line : line <= this.flips ? line - 1 : line - 2;
    const row = this.rows[this.order[at] ?? -1];
    return row && { kind: 'case', id: row.case };
  }

  /** The headings with their lines. */
  get groups(): { line: number; group: Group; count: number }[] {
    if (this.flips === 0) return [];
    const rest = this.order.length - this.flips;
    const flips = { line: 0, group: 'flips' as const, count: this.flips };
    if (rest === 0) return [flips];
    return [flips, { line: this.flips + 1, group: 'rest', count: rest }];
  }

  id(at: number): string | undefined {
    return this.rows[this.order[at] ?? -1]?.case;
  }

  /** The place of a case in the order, looked for near `hint` first; -1 where it is not. */
  placeOf(id: string, hint = 0): number {
    for (let at = Math.max(0, hint - 1); at <= hint + 1; at++) if (this.id(at) === id) return at;
    for (let at = 0; at < this.order.length; at++) if (this.id(at) === id) return at;
    return -1;
  }

  /** The line of a place in the order. */
  lineOf(place: number): number {
    return place < 0 ? -1 : place + (place < this.flips ? 1 : this.#headings(place + 1));
  }

  #headings(places: number): number {
    return this.flips === 0 ? 0 : places > this.flips ? 2 : 1;
  }
}

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

/** Whether a row is listed. */
export function shows(wish: Wish): (row: CaseRow) => boolean {
  const { only, filter, running, haystack } = wish;
  const words = wish.query.toLowerCase().split(/\s+/).filter(Boolean);
  const says = (row: CaseRow) => {
    const text = haystack(row.case);
    return words.every(
      (word) =>
        text.includes(word) ||
        row.label?.toLowerCase().includes(word) === true ||
        row.rules.some((rule) => rule.toLowerCase().includes(word)),
    );
  };
  return (row) =>
    (!only || only.cases.has(row.case)) &&
    matches(filter, row, running) &&
    (words.length === 0 || says(row));
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

/** What is listed where this wish, but for a shorter query, has been fulfilled already. */
function narrowed(wish: Wish, last: Listing): Uint32Array | null {
  const before = last.wish;
  const narrower =
    before !== null &&
    before.rows === wish.rows &&
    before.filter === wish.filter &&
    before.only === wish.only &&
    before.sort === wish.sort &&
    before.compared === wish.compared &&
    before.running === wish.running &&
    before.query !== '' &&
    wish.query.startsWith(before.query);
  return narrower ? last.order : null;
}

/** Fulfils a wish; everything may be interrupted after a few hundred rows. */
export function* arrange(wish: Wish, last: Listing): Generator<void, Listing> {
  const { rows } = wish;
  const known = narrowed(wish, last);
  const count = known?.length ?? rows.length;
  const isShown = shows(wish);
  const groups = { broken: [], fixed: [], changed: [] } as Record<string, number[]>;
  const rest = new Uint32Array(count);
  let others = 0;
  for (let at = 0; at < count; at++) {
    const position = known ? (known[at] as number) : at;
    const row = rows[position] as CaseRow;
    if (isShown(row)) {
      const flipped = wish.compared ? row.flip : null;
      if (flipped) groups[flipped]?.push(position);
      else rest[others++] = position;
    }
    if (at % STEP_ROWS === 0) yield;
  }
  const { broken = [], fixed = [], changed = [] } = groups;
  const flips = Uint32Array.from([...broken, ...fixed, ...changed]);
  const order = new Uint32Array(flips.length + others);
  order.set(flips);
  order.set(rest.subarray(0, others), flips.length);
  const parts = [order.subarray(0, flips.length), order.subarray(flips.length)];
  for (const part of parts) {
    // What was in order before is in order now, but the flips were regrouped.
    const sorted = known !== null && part === parts[1];
    if (!sorted) yield* sortPart(part, wish, part === parts[0]);
  }
  return new Listing(wish, order, flips.length);
}

function* sortPart(part: Uint32Array, wish: Wish, flips: boolean): Generator<void, void> {
  const { sort, rows } = wish;
  if (sort) {
    const sign = sort.descending ? -1 : 1;
    // By position: most rows are listed when the table is sorted.
    const keys = new Array<string | number>(rows.length);
    for (let at = 0; at < part.length; at++) {
      const position = part[at] as number;
      keys[position] = sortKey(rows[position] as CaseRow, sort.column);
      if (at % STEP_ROWS === 0) yield;
    }
    const key = (position: number) => keys[position] as string | number;
    yield* sortInSlices(part, (a, b) => {
      const [x, y] = [key(a), key(b)];
      return x < y ? -sign : x > y ? sign : 0;
    });
  } else if (wish.filter === 'near' && !flips) {
    const margin = (position: number) => Math.abs((rows[position] as CaseRow).margin ?? 0);
    yield* sortInSlices(part, (a, b) => margin(a) - margin(b));
  }
}
