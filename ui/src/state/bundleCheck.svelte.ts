// A bundle that came from elsewhere: which file, against which keys, what was found, and
// whether it comes into the workspace. The studio checks; here is only what the person chose.

import * as api from '$api';
import { asFailure } from '../lib/failure';
import type { BundleProgress, BundleReport, Failure, ImportedBundle } from '../lib/types';

/** The fields that name a file. */
export type BundleField = 'file' | 'trust' | 'suite' | 'salt';

export class BundleCheck {
  file = $state('');
  /** Public keys that are trusted; empty where the person has none. */
  trust = $state('');
  /** For a bundle whose contents were withheld. */
  suite = $state('');
  salt = $state('');
  rerun = $state(false);
  anyModel = $state(false);
  /** The policy's name here; empty for its name in the bundle. */
  name = $state('');
  progress = $state.raw<BundleProgress | null>(null);
  report = $state.raw<BundleReport | null>(null);
  imported = $state.raw<ImportedBundle | null>(null);
  failure = $state.raw<Failure | null>(null);
  busy = $state(false);

  get withheld() {
    return this.report?.summary?.content === 'withheld';
  }

  async choose(field: BundleField) {
    const path = await api.pickFile();
    if (path === null) return;
    this[field] = path;
    this.changed();
  }

  /** What was found is about what was asked; another question has no answer yet. */
  changed() {
    if (!this.withheld) this.report = null;
    this.imported = null;
    this.failure = null;
  }

  async verify() {
    await this.#work(async (onProgress) => {
      const request = { ...this.#source(), rerun: this.rerun, any_model: this.anyModel };
      this.report = await api.verifyBundle(request, onProgress);
    });
  }

  /** Checks once more, and writes policy, suite and run, or nothing. */
  async bringIn(): Promise<string | null> {
    await this.#work(async (onProgress) => {
      const request = { ...this.#source(), name: this.name.trim() || null };
      this.imported = await api.importBundle(request, onProgress);
    });
    return this.imported?.policy ?? null;
  }

  #source() {
    const [suite_file, salt_file] = [this.suite.trim(), this.salt.trim()];
    return {
      file: this.file.trim(),
      trust_file: this.trust.trim() || null,
      withheld: suite_file && salt_file ? { suite_file, salt_file } : null,
    };
  }

  async #work(call: (onProgress: (progress: BundleProgress) => void) => Promise<void>) {
    this.busy = true;
    this.failure = null;
    this.progress = null;
    try {
      await call((progress) => (this.progress = progress));
    } catch (thrown) {
      this.failure = asFailure(thrown);
    } finally {
      this.busy = false;
    }
  }
}
