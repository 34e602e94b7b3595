// One policy's run as its events tell it: rows, figures, progress. A newer run takes
// the place of an older one; what the older still sends is ignored.

import { withEvidence } from '../lib/cases';
import type {
  CaseRow,
  Failure,
  Figures,
  Progress,
  RunEvent,
  RunSummary,
  RunView,
  Tested,
  Usage,
} from '../lib/types';

export type Phase = 'idle' | 'waiting' | 'running' | 'finished' | 'cancelled' | 'failed';

/** Events of one frame are applied together, so that a fast run doesn't redraw in vain. */
const FRAME_MS = 16;

/** Marks of the User Timing API: when a run's first outcomes and its end came from the back end. */
const ARRIVED = { first: 'touchstone:first', last: 'touchstone:last' };

export class RunSession {
  phase = $state<Phase>('idle');
  summary = $state.raw<RunSummary | null>(null);
  baseline = $state.raw<RunSummary | null>(null);
  rows = $state.raw<readonly CaseRow[]>([]);
  figures = $state.raw<Figures | null>(null);
  progress = $state.raw<Progress | null>(null);
  failure = $state.raw<Failure | null>(null);
  /** What a server counted, once the run is complete. */
  usage = $state.raw<Usage | null>(null);
  live = $state.raw<{ case: string; text: string } | null>(null);
  /** It waits for the person to stop typing, and not for the back end. */
  pausing = $state(false);
  /** The last run was complete without judging anything. */
  unchanged = $state(false);
  /** Raised when rows may be put into a new order: not while results stream. */
  settled = $state(0);

  readonly busy = $derived(this.phase === 'waiting' || this.phase === 'running');

  #generation = 0;
  #index = new Map<string, number>();
  /** What a case's row said before the run that is going now. */
  #last = new Map<string, CaseRow>();
  #queue: CaseRow[] = [];
  #queued: Pick<Extract<RunEvent, { kind: 'outcomes' }>, 'figures' | 'progress'> | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;

  row(id: string): CaseRow | undefined {
    const at = this.#index.get(id);
    return at === undefined ? undefined : this.rows[at];
  }

  /** The verdict shown, dimmed, until a case has been judged again. */
  lastRow(id: string): CaseRow | undefined {
    return this.#last.get(id);
  }

  /** Begins to listen to a new run; the handler falls silent when another begins. */
  listen(onEnd: (event: RunEvent) => void, pausing = false): (event: RunEvent) => void {
    const generation = ++this.#generation;
    this.phase = 'waiting';
    this.pausing = pausing;
    return (event) => {
      if (generation !== this.#generation) return;
      this.#apply(event);
      if (!['started', 'outcomes', 'progress', 'trace_text'].includes(event.kind)) onEnd(event);
    };
  }

  /** Shows a run that is complete in itself: opened, not begun. */
  show(view: RunView) {
    this.#flush();
    this.#replace(view);
    this.settled++;
  }

  /** What was found about flips, wherever they stand by now. */
  tested(found: readonly Tested[]) {
    this.#flush();
    const rows = this.rows.slice();
    for (const { case: id, evidence } of found) {
      const at = this.#index.get(id);
      const row = at === undefined ? undefined : rows[at];
      if (at !== undefined && row) rows[at] = withEvidence(row, evidence);
    }
    this.rows = rows;
  }

  fail(failure: Failure) {
    this.#flush();
    this.failure = failure;
    this.phase = failure.code === 'cancelled' ? 'cancelled' : 'failed';
    this.settled++;
  }

  #apply(event: RunEvent) {
    switch (event.kind) {
      case 'started':
        this.#flush();
        this.#replace(event.view);
        this.phase = 'running';
        this.failure = null;
        this.progress = null;
        this.live = null;
        this.unchanged = false;
        performance.clearMarks(ARRIVED.first);
        return;
      case 'outcomes':
        if (
          event.rows.some((row) => row.verdict !== null) &&
          performance.getEntriesByName(ARRIVED.first).length === 0
        ) {
          performance.mark(ARRIVED.first);
        }
        this.#queue.push(...event.rows);
        this.#queued = { figures: event.figures, progress: event.progress };
        this.#timer ??= setTimeout(() => this.#flush(), FRAME_MS);
        return;
      case 'progress':
        this.progress = event.progress;
        return;
      case 'trace_text':
        this.live = { case: event.case, text: event.text };
        return;
      case 'finished':
      case 'unchanged':
        performance.clearMarks(ARRIVED.last);
        performance.mark(ARRIVED.last);
        this.#flush();
        this.#replace(event.view);
        this.#last.clear();
        this.phase = 'finished';
        this.failure = null;
        this.live = null;
        this.unchanged = event.kind === 'unchanged';
        this.settled++;
        return;
      case 'cancelled':
        this.#flush();
        this.phase = 'cancelled';
        this.live = null;
        this.settled++;
        return;
      case 'failed':
        this.live = null;
        this.fail(event.failure);
    }
  }

  #replace(view: RunView) {
    for (const row of this.rows) if (row.verdict !== null) this.#last.set(row.case, row);
    this.summary = view.summary;
    this.baseline = view.baseline;
    this.figures = view.figures;
    this.usage = view.usage;
    this.rows = view.rows;
    this.#index = new Map(view.rows.map((row, at) => [row.case, at]));
  }

  #flush() {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (!this.#queued) return;
    const rows = this.rows.slice();
    for (const row of this.#queue) {
      const at = this.#index.get(row.case);
      if (at !== undefined) rows[at] = row;
    }
    this.rows = rows;
    this.figures = this.#queued.figures;
    this.progress = this.#queued.progress;
    this.#queue = [];
    this.#queued = null;
  }
}
