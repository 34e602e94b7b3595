// The models on this machine: what is there, what is known of each, and the one long task
// (fetching, verifying, measuring) that is under way. It goes on while its view is closed.

import * as api from '$api';
import { asFailure } from '../lib/failure';
import type {
  CheckpointView,
  Failure,
  FetchRequest,
  ModelProgress,
  ModelsView,
  SpeedView,
  VerifiedView,
} from '../lib/types';
import { i18n } from '../messages/index.svelte';
import { notices } from './notices.svelte';

export type ModelTask = {
  kind: 'fetch' | 'verify' | 'speed';
  /** The model's id, or its name on the hub. */
  subject: string;
  progress: ModelProgress | null;
  cancelling: boolean;
};

export class Models {
  view = $state.raw<ModelsView | null>(null);
  /** The model looked at, by id. */
  selected = $state<string | null>(null);
  info = $state.raw<CheckpointView | null>(null);
  task = $state.raw<ModelTask | null>(null);
  failure = $state.raw<Failure | null>(null);
  verified = $state.raw<ReadonlyMap<string, VerifiedView>>(new Map());
  speeds = $state.raw<ReadonlyMap<string, SpeedView>>(new Map());

  readonly model = $derived(
    this.view?.installed.find((model) => model.id === this.selected) ?? null,
  );
  #asked = 0;

  /** Looks at the folders again. */
  async refresh(prefer?: string | null) {
    try {
      this.view = await api.models();
    } catch (thrown) {
      this.failure = asFailure(thrown);
      return;
    }
    const ids = this.view.installed.map((model) => model.id);
    const known = [prefer, this.selected, ids[0]].find((id) => id != null && ids.includes(id));
    await this.select(known ?? null);
  }

  /** The newest choice counts, whichever answer comes last. */
  async select(id: string | null) {
    const asked = ++this.#asked;
    if (id !== this.selected) this.info = null;
    this.selected = id;
    if (id === null) return;
    try {
      const info = await api.modelInfo(id);
      if (asked === this.#asked) this.info = info;
    } catch (thrown) {
      if (asked === this.#asked) this.failure = asFailure(thrown);
    }
  }

  async fetch(request: FetchRequest) {
    const fetched = await this.#work('fetch', request.repository, (tell) =>
      api.fetchModel(request, tell),
    );
    if (fetched) notices.show(i18n.m.modelFetched(request.repository));
    await this.refresh(fetched?.id);
  }

  async verify(id: string) {
    const verified = await this.#work('verify', id, (tell) => api.verifyModel(id, tell));
    if (verified) this.verified = new Map(this.verified).set(id, verified);
  }

  async speedTest(id: string) {
    const speed = await this.#work('speed', id, () => api.speedTest(id));
    if (speed) this.speeds = new Map(this.speeds).set(id, speed);
  }

  async cancel() {
    if (!this.task) return;
    this.task = { ...this.task, cancelling: true };
    try {
      await api.cancelModelTask();
    } catch (thrown) {
      this.failure = asFailure(thrown);
    }
  }

  async #work<T>(
    kind: ModelTask['kind'],
    subject: string,
    call: (tell: (progress: ModelProgress) => void) => Promise<T>,
  ): Promise<T | null> {
    if (this.task) return null;
    this.failure = null;
    this.task = { kind, subject, progress: null, cancelling: false };
    try {
      return await call((progress) => {
        if (this.task) this.task = { ...this.task, progress };
      });
    } catch (thrown) {
      const failure = asFailure(thrown);
      if (failure.code !== 'cancelled') this.failure = failure;
      return null;
    } finally {
      this.task = null;
    }
  }
}
