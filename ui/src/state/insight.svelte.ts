// What is found out about flips and verdicts by asking the model more: whether a flip is
// real, which hunk caused it, on which clauses a verdict rests. One question at a time, in
// the back end's idle time: what a person asks goes before what the window asks by itself,
// and a new run ends it all.

import * as api from '$api';
import { asFailure } from '../lib/failure';
import type { Ablation, Attribution, Failure, Probing, RunId, Tested } from '../lib/types';

export type Question = 'confirm' | 'attribute' | 'ablate';

/** What is being found out now. */
export type Task = {
  question: Question;
  /** Flips, where several are asked about. */
  flips: number;
  decided: number;
  /** The case, where one is asked about. */
  case: string | null;
  run: RunId;
  share: number;
};

type Job = {
  key: string;
  /** Nobody asked for it: it gives way to what somebody asks. */
  automatic: boolean;
  task: Task;
  work: (onProgress: (news: Probing) => void) => Promise<void>;
};

/** More flips are not tested unless somebody asks: it would take minutes. */
export const CONFIRM_MAX = 200;
const PAIRS_MAX = 32;
const WAITING_MAX = 8;
/** Findings kept at hand; all are in the database. */
const KEPT_MAX = 64;

const pairOf = (a: RunId, b: RunId) => `${a}:${b}`;
const caseOf = (run: RunId, id: string) => `${run}:${id}`;

export class Insight {
  task = $state.raw<Task | null>(null);
  /** By pair of runs: what is known, or why the edit cannot be taken apart. */
  attributions = $state.raw<ReadonlyMap<string, Attribution | Failure>>(new Map());
  ablations = $state.raw<ReadonlyMap<string, Ablation>>(new Map());

  #now: Job | null = null;
  #waiting: Job[] = [];
  /** Pairs of runs whose flips were tested, or were not to be. */
  #settled = new Set<string>();
  readonly #onFailure: (failure: Failure) => void;
  readonly #onIdle: () => void;

  constructor(on: { failure: (failure: Failure) => void; idle: () => void }) {
    this.#onFailure = on.failure;
    this.#onIdle = on.idle;
  }

  attribution(a: RunId, b: RunId): Attribution | null {
    const found = this.attributions.get(pairOf(a, b));
    return found && 'hunks' in found ? found : null;
  }

  /** Why the edit between two runs cannot be taken apart. */
  refusal(a: RunId, b: RunId): Failure | null {
    const found = this.attributions.get(pairOf(a, b));
    return found && 'message' in found ? found : null;
  }

  ablation(run: RunId, id: string): Ablation | null {
    return this.ablations.get(caseOf(run, id)) ?? null;
  }

  asks(question: Question, id: string | null): boolean {
    const is = (task: Task | undefined | null) =>
      task?.question === question && (task.case === null || task.case === id);
    return is(this.task) || this.#waiting.some((job) => is(job.task));
  }

  /** Tests flips. What is found is told to `onTested` as it comes. */
  confirm(
    of: { a: RunId; b: RunId; cases: string[]; flips: number; automatic: boolean },
    onTested: (tested: readonly Tested[]) => void,
  ) {
    const { a, b, cases, flips, automatic } = of;
    const pair = pairOf(a, b);
    if (automatic && this.#settled.has(pair)) return;
    const request = { a, b, pairs_max: PAIRS_MAX, keep_order: false, cases };
    this.#ask({
      key: `confirm:${pair}`,
      automatic,
      task: { question: 'confirm', flips, decided: 0, case: null, run: b, share: 0 },
      work: async (onProgress) => {
        await api.confirm(request, (news) => {
          if (news.tested.length > 0) onTested(news.tested);
          onProgress(news);
        });
        this.#settled.add(pair);
      },
    });
  }

  /** Finds the hunks that caused a flip, or all flips. */
  attribute(a: RunId, b: RunId, id: string | null, flips: number) {
    this.#ask({
      key: `attribute:${pairOf(a, b)}:${id ?? ''}`,
      automatic: false,
      task: { question: 'attribute', flips, decided: 0, case: id, run: b, share: 0 },
      work: async (onProgress) => {
        await api.attribute(a, b, id === null ? [] : [id], onProgress);
        // With what was known of other flips before.
        this.#keepAttribution(a, b, await api.attribution(a, b));
      },
    });
  }

  /** Finds the clauses that a verdict rests on. */
  ablate(run: RunId, id: string) {
    this.#ask({
      key: `ablate:${caseOf(run, id)}`,
      automatic: false,
      task: { question: 'ablate', flips: 1, decided: 0, case: id, run, share: 0 },
      work: async (onProgress) => {
        this.#keepAblation(run, id, await api.ablate(run, id, onProgress));
      },
    });
  }

  /** Reads what is known of the causes of flips between two runs. */
  async readAttribution(a: RunId, b: RunId) {
    if (this.attributions.has(pairOf(a, b))) return;
    try {
      this.#keepAttribution(a, b, await api.attribution(a, b));
    } catch (thrown) {
      this.#keepAttribution(a, b, asFailure(thrown));
    }
  }

  /** Reads what is known of the clauses that a verdict rests on. */
  async readAblation(run: RunId, id: string) {
    if (this.ablations.has(caseOf(run, id))) return;
    try {
      const found = await api.ablation(run, id);
      if (found) this.#keepAblation(run, id, found);
    } catch {
      // Whoever asks for it will be told.
    }
  }

  /** A run begins: the back end ends what is asked, and nothing that waits is asked. */
  giveWay() {
    this.#waiting = [];
  }

  /** The person wants none of it; flips are then not tested by themselves either. */
  stop() {
    this.#waiting = [];
    if (this.#now?.automatic) this.#settled.add(this.#now.key.slice('confirm:'.length));
    void api.cancelProbes();
  }

  /** Flips may be tested by themselves again, also those that were not to be. */
  allow() {
    this.#settled.clear();
  }

  /** Another workspace: its runs have the same numbers. */
  reset() {
    this.giveWay();
    this.#settled.clear();
    this.attributions = new Map();
    this.ablations = new Map();
  }

  #keepAttribution(a: RunId, b: RunId, found: Attribution | Failure) {
    this.attributions = kept(this.attributions, pairOf(a, b), found);
  }

  #keepAblation(run: RunId, id: string, found: Ablation) {
    this.ablations = kept(this.ablations, caseOf(run, id), found);
  }

  #ask(job: Job) {
    const asked = [this.#now, ...this.#waiting].some((other) => other?.key === job.key);
    if (asked || this.#waiting.length >= WAITING_MAX) return;
    this.#waiting.push(job);
    this.#waiting.sort((a, b) => Number(a.automatic) - Number(b.automatic));
    if (this.#now?.automatic && !job.automatic) void api.cancelProbes();
    else void this.#next();
  }

  async #next() {
    if (this.#now) return;
    const job = this.#waiting.shift();
    if (!job) return;
    this.#now = job;
    this.task = job.task;
    try {
      await job.work((news) => {
        if (this.#now !== job || !this.task) return;
        const decided = this.task.decided + news.tested.length;
        this.task = { ...this.task, decided, share: news.done / Math.max(1, news.total) };
      });
    } catch (thrown) {
      const failure = asFailure(thrown);
      if (failure.code !== 'cancelled') {
        // Asking again would fail again.
        if (job.automatic) this.#settled.add(job.key.slice('confirm:'.length));
        this.#onFailure(failure);
      }
    } finally {
      this.#now = null;
      this.task = null;
    }
    if (this.#waiting.length > 0) void this.#next();
    else this.#onIdle();
  }
}

function kept<T>(map: ReadonlyMap<string, T>, key: string, value: T): ReadonlyMap<string, T> {
  const entries = [...map].filter(([other]) => other !== key).slice(1 - KEPT_MAX);
  return new Map([...entries, [key, value]]);
}
