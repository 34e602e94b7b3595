// One release on its way out: what is asked for, how far it has come, what was written.

import * as api from '$api';
import { asFailure } from '../lib/failure';
import type {
  BundleProgress,
  Exported,
  ExportFormat,
  Failure,
  Release,
  SignOff,
} from '../lib/types';

export const FORMATS: readonly ExportFormat[] = [
  'bundle',
  'report',
  'opa',
  'promptfoo',
  'openai_evals',
  'inspect',
  'roost',
];

/** What each format is called on disk; those without an ending are folders. */
const ENDINGS: Record<ExportFormat, string> = {
  bundle: '.tar.gz',
  report: '.html',
  opa: '-opa',
  promptfoo: '-promptfoo',
  openai_evals: '-evals',
  inspect: '-inspect',
  roost: '-roost',
};

export class ExportJob {
  readonly release: Release;
  format = $state<ExportFormat>('bundle');
  out = $state('');
  overwrite = $state(false);
  withheld = $state(false);
  /** `2027-01-31`, or empty. */
  expires = $state('');
  /** The private key's file for each sign-off; empty leaves the person out. */
  keys = $state<string[]>([]);
  progress = $state.raw<BundleProgress | null>(null);
  done = $state.raw<Exported | null>(null);
  failure = $state.raw<Failure | null>(null);
  busy = $state(false);
  #proposed = '';

  constructor(release: Release) {
    this.release = release;
    this.keys = release.sign_offs.map(() => '');
    this.#propose();
  }

  get name(): string {
    const version = this.release.version.replace(/[^\p{L}\p{N}._-]+/gu, '-');
    return `${this.release.policy}-${version}${ENDINGS[this.format]}`;
  }

  setFormat(format: ExportFormat) {
    this.format = format;
    this.#propose();
  }

  async chooseTarget() {
    const path = await api.pickTarget(this.name);
    if (path === null) return;
    this.out = path;
    // The system's dialog has asked already.
    this.overwrite = true;
  }

  async chooseKey(at: number) {
    const path = await api.pickFile();
    if (path !== null) this.keys[at] = path;
  }

  async start() {
    this.busy = true;
    this.failure = null;
    this.progress = null;
    const { release, format } = this;
    const signed = format === 'bundle' ? release.sign_offs : [];
    try {
      this.done = await api.exportBundle(
        {
          policy: release.policy,
          run: release.run,
          format,
          out: this.out,
          overwrite: this.overwrite,
          content: this.withheld && format === 'bundle' ? 'withheld' : 'full',
          signers: signed.flatMap((by, at) => this.#signer(by, this.keys[at] ?? '')),
          // Only releases leave by this door, and a release has met its gates.
          allow_unmet_gates: false,
          not_before_ms: null,
          expires_at_ms: format === 'bundle' && this.expires !== '' ? endOf(this.expires) : null,
          change_log: release.change_log,
        },
        (progress) => (this.progress = progress),
      );
    } catch (thrown) {
      this.failure = asFailure(thrown);
    } finally {
      this.busy = false;
    }
  }

  #signer(by: SignOff, key: string) {
    if (key.trim() === '') return [];
    const { name, role, statement, signed_at_ms } = by;
    return [{ name, role, statement, signed_at_ms, key_file: key.trim() }];
  }

  /** A name that a person wrote stays. */
  #propose() {
    if (this.out === this.#proposed) this.out = `releases/${this.name}`;
    this.#proposed = `releases/${this.name}`;
  }
}

/** The end of that day, where the person is. */
function endOf(day: string): number {
  return new Date(`${day}T23:59:59.999`).getTime();
}
