// Reads the trace of the case in front. The newest wish wins; what is on show stays
// until its successor is there, so that the pane doesn't flicker.

import * as api from '$api';
import { asFailure } from '../lib/failure';
import type { CaseRow, Failure, RunId, TraceView } from '../lib/types';

export type Wanted = { run: RunId; row: CaseRow; baseline: RunId | null };

export class TraceReader {
  view = $state.raw<TraceView | null>(null);
  failure = $state.raw<Failure | null>(null);
  #turn = 0;
  #watched: string | null = null;

  async follow(wanted: Wanted | null) {
    const turn = ++this.#turn;
    this.failure = null;
    if (!wanted) return;
    try {
      const view = await api.trace(wanted.run, wanted.row.case, wanted.baseline);
      if (turn === this.#turn) this.view = view;
    } catch (thrown) {
      if (turn === this.#turn) this.failure = asFailure(thrown);
    }
  }

  async watch(id: string | null) {
    if (id === this.#watched) return;
    this.#watched = id;
    try {
      await api.watchTrace(id);
    } catch {
      // Without it the rationale appears when it is complete; nothing is lost.
    }
  }
}
