// Two runs that are compared: which, what came out, and the flip that is looked at. The
// choice stays while the person looks at other screens.

import * as api from '$api';
import { asFailure } from '../lib/failure';
import { withEvidence } from '../lib/cases';
import type {
  CaseRow,
  CompareView,
  Failure,
  RunId,
  RunSummary,
  Tested,
  TraceView,
} from '../lib/types';

export type Pick = { policy: string; run: RunId };
export type Side = 'a' | 'b';
export type Only = { key: string; cases: ReadonlySet<string> };

const finished = (runs: readonly RunSummary[]) => runs.filter((run) => run.state === 'finished');

export class CompareDesk {
  a = $state.raw<Pick | null>(null);
  b = $state.raw<Pick | null>(null);
  /** Finished runs of each policy that was looked at, newest first. */
  runs = $state.raw<ReadonlyMap<string, readonly RunSummary[]>>(new Map());
  view = $state.raw<CompareView | null>(null);
  failure = $state.raw<Failure | null>(null);
  busy = $state(false);
  /** The flips that are listed alone, and by what: a hunk that they name, or their cause. */
  only = $state.raw<Only | null>(null);
  selected = $state<string | null>(null);
  trace = $state.raw<TraceView | null>(null);
  readonly policy: string;

  readonly rows = $derived.by((): readonly CaseRow[] => {
    const { only } = this;
    const rows = this.view?.rows ?? [];
    return only ? rows.filter((row) => only.cases.has(row.case)) : rows;
  });

  #asked = 0;
  #traceAsked = 0;
  #compared = '';
  /** A person chose; newer runs do not take the place of what they chose. */
  #chosen = false;

  constructor(policy: string) {
    this.policy = policy;
  }

  /** Looks which runs there are; chooses the newest against the baseline where nobody chose. */
  async refresh(baseline: RunId | null) {
    try {
      const runs = await this.load(this.policy);
      if (!this.#chosen) {
        const now = runs.find((run) => run.run !== baseline) ?? runs[0];
        const before =
          runs.find((run) => run.run === baseline && run !== now) ??
          runs.find((run) => now !== undefined && run.run < now.run);
        if (now && before) {
          this.b = { policy: this.policy, run: now.run };
          this.a = { policy: this.policy, run: before.run };
        }
      }
      await this.compare();
    } catch (thrown) {
      this.failure = asFailure(thrown);
    }
  }

  async load(policy: string): Promise<readonly RunSummary[]> {
    const runs = finished(await api.runs(policy));
    this.runs = new Map(this.runs).set(policy, runs);
    return runs;
  }

  async choosePolicy(side: Side, policy: string) {
    try {
      const runs = await this.load(policy);
      const newest = runs[0];
      if (newest) await this.choose(side, { policy, run: newest.run });
    } catch (thrown) {
      this.failure = asFailure(thrown);
    }
  }

  async choose(side: Side, pick: Pick) {
    this.#chosen = true;
    this[side] = pick;
    await this.compare();
  }

  async swap() {
    this.#chosen = true;
    [this.a, this.b] = [this.b, this.a];
    await this.compare();
  }

  /** Compares what is chosen; the newest choice counts. Finished runs never change. */
  async compare() {
    const { a, b } = this;
    if (!a || !b) return;
    const what = `${a.run}:${b.run}`;
    if (what === this.#compared && this.view) return;
    const asked = ++this.#asked;
    this.busy = true;
    try {
      const view = await api.compare(a.run, b.run);
      if (asked !== this.#asked) return;
      this.#compared = what;
      this.view = view;
      this.only = null;
      this.failure = null;
      this.select(view.rows[0]?.case ?? null);
    } catch (thrown) {
      if (asked === this.#asked) this.failure = asFailure(thrown);
    } finally {
      if (asked === this.#asked) this.busy = false;
    }
  }

  /** What was found about flips, where they are the ones that are compared. */
  tested(a: RunId, b: RunId, found: readonly Tested[]) {
    const view = this.view;
    if (view?.a.run !== a || view.b.run !== b) return;
    const byCase = new Map(found.map((one) => [one.case, one.evidence]));
    const rows = view.rows.map((row) => {
      const evidence = byCase.get(row.case);
      return evidence ? withEvidence(row, evidence) : row;
    });
    this.view = { ...view, rows };
  }

  /** Lists some flips alone; the same wish again lists all. */
  showOnly(key: string | null, cases: readonly string[] = []) {
    this.only = key === null || key === this.only?.key ? null : { key, cases: new Set(cases) };
    if (!this.rows.some((row) => row.case === this.selected))
      this.select(this.rows[0]?.case ?? null);
  }

  move(by: number) {
    const at = this.rows.findIndex((row) => row.case === this.selected);
    const to = Math.min(this.rows.length - 1, Math.max(0, at + by));
    this.select(this.rows[to]?.case ?? null);
  }

  select(id: string | null) {
    this.selected = id;
    void this.#read(id);
  }

  async #read(id: string | null) {
    const asked = ++this.#traceAsked;
    const { a, b } = this;
    if (id === null || !a || !b) {
      this.trace = null;
      return;
    }
    try {
      const trace = await api.trace(b.run, id, a.run);
      if (asked === this.#traceAsked) this.trace = trace;
    } catch (thrown) {
      if (asked === this.#traceAsked) this.failure = asFailure(thrown);
    }
  }
}
