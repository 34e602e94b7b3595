// Models on servers: the form that finds, adds, tests and removes them, and the question
// that is asked before content leaves the machine.

import * as api from '$api';
import { asFailure } from '../lib/failure';
import type { FoundModel, ModelView, ServerOptions } from '../lib/types';
import { i18n } from '../messages/index.svelte';
import type { Studio } from './studio.svelte';

/** A host that content would leave for, and what was about to be done. */
export type Leave = { host: string; encrypted: boolean; again: () => void };

/** What an address says of its host; nothing where it cannot be read. */
export function hostOf(address: string): { host: string; encrypted: boolean } | null {
  try {
    const url = new URL(address);
    return { host: url.hostname, encrypted: url.protocol === 'https:' };
  } catch {
    return null;
  }
}

const PLAIN: ServerOptions = {
  raw: false,
  responses: false,
  concurrency: null,
  price_prompt: null,
  price_generated: null,
  currency: null,
};

export class ServersForm {
  address = $state('');
  key = $state('');
  found = $state.raw<readonly FoundModel[] | null>(null);
  busy = $state(false);
  /** What was done, or what went wrong. */
  said = $state('');
  problem = $state('');

  readonly #studio: Studio;

  constructor(studio: Studio) {
    this.#studio = studio;
  }

  get added(): readonly ModelView[] {
    return this.#studio.workspace?.models.filter((model) => model.server?.stored) ?? [];
  }

  find = (): Promise<void> =>
    this.#do(this.address, this.find, async () => {
      this.found = null;
      this.found = await api.serverModels(this.address);
    });

  add(model: FoundModel): Promise<void> {
    return this.#do(
      model.address,
      () => this.add(model),
      async () => {
        this.#studio.workspace = await api.addServer(model.address, PLAIN);
        this.said = i18n.m.serverAdded(model.id);
      },
    );
  }

  /** Changes how a model that was added is spoken to. */
  configure({ id, name }: ModelView, options: ServerOptions): Promise<void> {
    return this.#do(
      id,
      () => undefined,
      async () => {
        this.#studio.workspace = await api.addServer(id, options);
        this.said = i18n.m.serverOptionsSaved(name);
      },
    );
  }

  test(address: string): Promise<void> {
    return this.#do(
      address,
      () => this.test(address),
      async () => {
        const { server, elapsed_ms } = await api.testServer(address);
        const who = [server.software, server.version, server.quantization].filter(Boolean);
        const promise = server.repeats ? i18n.m.serverRepeats : i18n.m.serverNoRepeats;
        this.said = `${i18n.m.serverAnswered(who.join(' · '), Math.round(elapsed_ms))} ${promise}`;
      },
    );
  }

  remove(address: string): Promise<void> {
    return this.#do(
      address,
      () => this.remove(address),
      async () => {
        this.#studio.workspace = await api.removeServer(address);
        this.said = i18n.m.serverRemoved;
      },
    );
  }

  /** Takes back the leave that was given to the model's host. */
  forbid({ id, server }: ModelView): Promise<void> {
    const host = server?.host ?? '';
    return this.#do(
      id,
      () => undefined,
      async () => {
        this.#studio.workspace = await api.decideHost(host, false, false);
        this.said = i18n.m.forbidden(host);
      },
    );
  }

  /** Stores the typed key, or removes the stored one where none is typed. */
  setKey = (): Promise<void> =>
    this.#do(this.address, this.setKey, async () => {
      this.said = await api.setServerKey(this.address, this.key === '' ? null : this.key);
      this.key = '';
    });

  async #do(address: string, again: () => unknown, work: () => Promise<void>) {
    this.busy = true;
    this.said = '';
    this.problem = '';
    try {
      await work();
    } catch (thrown) {
      const failure = asFailure(thrown);
      this.problem = failure.message;
      if (failure.code === 'consent') this.#studio.askLeave(address, () => void again());
    } finally {
      this.busy = false;
    }
  }
}
