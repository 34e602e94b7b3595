// An import on its way: the file, how it is read, which column is what, and what would
// come of it. The studio reads and writes; here is only what the person chose.

import * as api from '$api';
import { asFailure } from '../lib/failure';
import type {
  ImportField,
  ImportPlan,
  ImportPreview,
  ImportReading,
  ImportReport,
} from '../lib/types';

/** The fields that a column can be chosen for, in the order of the dialog. */
export const FIELDS = [
  'content',
  'user',
  'assistant',
  'id',
  'expected',
  'label',
  'language',
  'note',
  'owner',
] as const satisfies readonly ImportField[];

export type ChosenField = (typeof FIELDS)[number];

export class Importing {
  readonly file: string;
  reading = $state.raw<ImportReading>({
    encoding: null,
    delimiter: null,
    quoting: null,
    header: null,
    sheet: null,
  });
  preview = $state.raw<ImportPreview | null>(null);
  report = $state.raw<ImportReport | null>(null);
  problem = $state('');
  busy = $state(false);
  replace = $state(false);
  #asked = 0;

  constructor(file: string) {
    this.file = file;
  }

  get plan(): ImportPlan | null {
    return this.preview?.plan ?? null;
  }

  /** Reads the beginning anew; an answer that a later question overtook is dropped. */
  async look(plan: ImportPlan | null) {
    const asked = ++this.#asked;
    this.busy = true;
    try {
      const preview = await api.importPreview(this.file, this.reading, plan);
      if (asked !== this.#asked) return;
      this.preview = preview;
      this.problem = '';
    } catch (thrown) {
      if (asked === this.#asked) this.problem = asFailure(thrown).message;
    } finally {
      if (asked === this.#asked) this.busy = false;
    }
  }

  readAs(encoding: string) {
    this.reading = { ...this.reading, encoding: encoding === '' ? null : encoding };
    return this.look(null);
  }

  columnOf(field: ChosenField): string {
    return this.plan?.mapping.find((one) => one.field === field)?.column ?? '';
  }

  /** A text and turns exclude each other; a column is one thing only. */
  choose(field: ChosenField, column: string) {
    const plan = this.plan;
    if (!plan) return;
    const turns = field === 'user' || field === 'assistant';
    const kept = plan.mapping.filter(
      (one) =>
        one.field !== field &&
        one.column !== column &&
        !(column !== '' && turns && one.field === 'content') &&
        !(
          column !== '' &&
          field === 'content' &&
          (one.field === 'user' || one.field === 'assistant')
        ),
    );
    const mapping = column === '' ? kept : [...kept, { field, column }];
    return this.look({ ...plan, mapping });
  }

  sides(violates: string[], safe: string[]) {
    if (this.plan) return this.look({ ...this.plan, violates, safe });
  }

  /** Whether the suite changed. */
  async run(policy: string): Promise<boolean> {
    if (!this.plan) return false;
    this.busy = true;
    try {
      const existing = this.replace ? 'replace' : 'append';
      this.report = await api.importSuite(this.file, this.reading, this.plan, policy, existing);
      this.problem = '';
      return true;
    } catch (thrown) {
      this.problem = asFailure(thrown).message;
      return false;
    } finally {
      this.busy = false;
    }
  }
}
