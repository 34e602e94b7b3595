// Clauses by cases of one run, and the cell that is looked at.

import * as api from '$api';
import { asFailure } from '../lib/failure';
import type { CoverageMark, CoverageView, Failure, RunId } from '../lib/types';

export type CaseOrder = 'suite' | 'clause';

export class CoverageDesk {
  view = $state.raw<CoverageView | null>(null);
  failure = $state.raw<Failure | null>(null);
  order = $state<CaseOrder>('suite');
  /** Clause and column of the cell that the keyboard is at. */
  row = $state(0);
  column = $state(0);

  /** The case in each column. */
  readonly columns = $derived.by((): readonly number[] => {
    const view = this.view;
    if (!view) return [];
    const cases = view.cases.map((_, at) => at);
    if (this.order === 'suite') return cases;
    // Cases that rest on one clause stand together, in the policy's order.
    const key = new Array<number>(cases.length).fill(Number.MAX_SAFE_INTEGER);
    for (const cell of view.cells) {
      const rank = cell.clause * 2 + (cell.answered ? 0 : 1);
      key[cell.case] = Math.min(key[cell.case] ?? rank, rank);
    }
    return cases.sort((a, b) => (key[a] ?? 0) - (key[b] ?? 0) || a - b);
  });
  /** Marks by case, then clause. */
  readonly marks = $derived.by(() => {
    const marks = new Map<number, CoverageMark[]>();
    for (const cell of this.view?.cells ?? []) {
      const of = marks.get(cell.case);
      if (of) of.push(cell);
      else marks.set(cell.case, [cell]);
    }
    return marks;
  });

  #asked = 0;

  async refresh(run: RunId | null) {
    const asked = ++this.#asked;
    if (run === null) {
      this.view = null;
      return;
    }
    try {
      const view = await api.coverage(run);
      if (asked !== this.#asked) return;
      this.view = view;
      this.failure = null;
      this.move(0, 0);
    } catch (thrown) {
      if (asked === this.#asked) this.failure = asFailure(thrown);
    }
  }

  /** Moves the cell, within the map. */
  move(rows: number, columns: number) {
    const within = (value: number, count: number) => Math.max(0, Math.min(count - 1, value));
    this.row = within(this.row + rows, this.view?.clauses.length ?? 0);
    this.column = within(this.column + columns, this.columns.length);
  }

  mark(row: number, column: number): CoverageMark | undefined {
    const at = this.columns[column];
    return at === undefined ? undefined : this.marks.get(at)?.find((mark) => mark.clause === row);
  }
}
