// The release of one policy: what stands in its way, and what a person has written for it.
// What was written stays while the person looks at other screens.

import * as api from '$api';
import { asFailure } from '../lib/failure';
import type { Failure, ReleaseView } from '../lib/types';

export class ReleaseDesk {
  readonly policy: string;
  view = $state.raw<ReleaseView | null>(null);
  failure = $state.raw<Failure | null>(null);
  busy = $state(false);
  changeLog = $state('');
  version = $state('');

  /** The draft that the change log began as. */
  #draft = $state('');
  #versionDraft = '';
  #asked = 0;
  readonly edited = $derived(this.changeLog !== this.#draft);
  readonly ready = $derived(
    this.view !== null &&
      this.view.blocks.length === 0 &&
      this.changeLog.trim() !== '' &&
      this.version.trim() !== '',
  );

  constructor(policy: string) {
    this.policy = policy;
  }

  /** Looks again; the newest answer counts. What a person wrote is not drafted over. */
  async refresh() {
    const asked = ++this.#asked;
    try {
      const view = await api.releaseView(this.policy);
      if (asked !== this.#asked) return;
      const untouched = !this.edited;
      this.view = view;
      this.#draft = view.change_log;
      if (untouched) this.changeLog = view.change_log;
      if (this.version === this.#versionDraft) this.version = view.next_version;
      this.#versionDraft = view.next_version;
      this.failure = null;
    } catch (thrown) {
      if (asked === this.#asked) this.failure = asFailure(thrown);
    }
  }

  draftAnew() {
    this.changeLog = this.#draft;
  }

  async release(): Promise<string | null> {
    return this.#work(async () => {
      const { version } = await api.release(this.policy, this.version, this.changeLog);
      this.changeLog = this.#draft;
      this.version = this.#versionDraft;
      return version;
    });
  }

  async signOff(by: { name: string; role: string; key: string; statement: string }) {
    const run = this.view?.run?.run;
    if (run === undefined) return null;
    return this.#work(() => api.signOff({ ...by, run, key: by.key.trim() || null }));
  }

  async #work<T>(call: () => Promise<T>): Promise<T | null> {
    this.busy = true;
    try {
      const result = await call();
      await this.refresh();
      return result;
    } catch (thrown) {
      this.failure = asFailure(thrown);
      return null;
    } finally {
      this.busy = false;
    }
  }
}
