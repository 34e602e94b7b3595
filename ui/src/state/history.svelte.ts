// The past of one policy: the run whose groups are shown, and the search through traces.

import * as api from '$api';
import { asFailure } from '../lib/failure';
import type { Failure, GroupBy, PolicyStatistics, RunId, SearchResult } from '../lib/types';

const TYPING_DELAY_MS = 200;

export class HistoryDesk {
  query = $state('');
  everywhere = $state(true);
  result = $state.raw<SearchResult | null>(null);
  failure = $state.raw<Failure | null>(null);
  by = $state<GroupBy>('label');
  run = $state<RunId | null>(null);
  statistics = $state.raw<PolicyStatistics | null>(null);
  readonly policy: string;

  #asked = 0;
  #statisticsAsked = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(policy: string) {
    this.policy = policy;
  }

  /** Searches once the typing stops. */
  type(query: string) {
    this.query = query;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.search(), TYPING_DELAY_MS);
  }

  setEverywhere(everywhere: boolean) {
    this.everywhere = everywhere;
    void this.search();
  }

  async search() {
    clearTimeout(this.#timer);
    const asked = ++this.#asked;
    if (this.query.trim() === '') {
      this.result = null;
      this.failure = null;
      return;
    }
    try {
      const result = await api.search(this.query, this.everywhere ? null : this.policy);
      if (asked !== this.#asked) return;
      this.result = result;
      this.failure = null;
    } catch (thrown) {
      if (asked !== this.#asked) return;
      this.result = null;
      this.failure = asFailure(thrown);
    }
  }

  async group(run: RunId | null, by: GroupBy) {
    const asked = ++this.#statisticsAsked;
    this.run = run;
    this.by = by;
    if (run === null) {
      this.statistics = null;
      return;
    }
    try {
      const statistics = await api.statistics([run], by);
      if (asked === this.#statisticsAsked) this.statistics = statistics.policies[0] ?? null;
    } catch (thrown) {
      if (asked === this.#statisticsAsked) this.failure = asFailure(thrown);
    }
  }
}
