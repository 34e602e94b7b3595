// A simulated file to import: three rows, of which one has no text.

import type {
  Case,
  ExistingSuite,
  FileDrop,
  ImportPlan,
  ImportPreview,
  ImportReading,
  ImportReport,
} from '../../lib/types';
import { fail, simulation } from './simulation';

const rows = [
  { id: 'm-1', message: 'Ten cartons, cheap, tonight only.', sort: 'spam', line: 2 },
  { id: 'm-2', message: '', sort: 'ham', line: 3 },
  { id: 'm-3', message: 'The library opens at nine.', sort: 'ham', line: 4 },
];

const guessed: ImportPlan = {
  mapping: [
    { field: 'content', column: 'message' },
    { field: 'id', column: 'id' },
    { field: 'expected', column: 'sort' },
  ],
  violates: [],
  safe: [],
  line_break: null,
};

function casesOf(plan: ImportPlan): Case[] {
  const labelled = plan.mapping.some((one) => one.field === 'expected');
  return rows
    .filter((row) => row.message !== '')
    .map((row) => ({
      id: row.id,
      content: row.message,
      kind: 'user_input',
      ...(labelled ? { expected: row.sort === 'spam' ? 'violates' : 'safe' } : {}),
    }));
}

const skipped = [{ line: 3, reason: 'its text is empty; there is nothing to judge' }];

export async function pickFile(): Promise<string | null> {
  return simulation.file;
}

export async function importPreview(
  _file: string,
  reading: ImportReading,
  plan: ImportPlan | null,
): Promise<ImportPreview> {
  if (reading.encoding === 'ebcdic') fail('input', 'There is no encoding "ebcdic".');
  const used = plan ?? guessed;
  const content = used.mapping.some((one) => one.field === 'content');
  return {
    format: `CSV, ${reading.encoding ?? 'UTF-8'}`,
    header: true,
    columns: ['id', 'message', 'sort'].map((name) => ({ name, examples: [], filled: 3 })),
    plan: used,
    remembered: false,
    cases: content ? casesOf(used) : [],
    skipped: content ? skipped : [],
    warnings: [],
    problem: content ? null : 'No column gives the text to judge.',
  };
}

export async function importSuite(
  _file: string,
  _reading: ImportReading,
  plan: ImportPlan,
  policy: string,
  existing: ExistingSuite,
): Promise<ImportReport> {
  const target = simulation.policies.find((one) => one.name === policy);
  if (!target) return fail('input', `There is no policy ${policy}.`);
  const cases = casesOf(plan);
  target.cases = existing === 'replace' ? cases : [...target.cases, ...cases];
  return {
    rows: 3,
    imported: cases.length,
    violates: 1,
    safe: 1,
    unlabelled: 0,
    skipped,
    skipped_total: 1,
    duplicates: 0,
    warnings: [],
    suite: `fixtures/${policy}.jsonl`,
  };
}

export async function drops(onEvent: (event: FileDrop) => void) {
  simulation.drop = onEvent;
}
