import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { fromCase } from '../lib/cases';
import type { CaseRow, Figures, Progress, RunEvent, RunView } from '../lib/types';
import { RunSession } from './run.svelte';

const row = (id: string, more: Partial<CaseRow> = {}): CaseRow => ({
  ...fromCase({ id, content: id, kind: 'user_input' }),
  ...more,
});
const figures = {} as Figures;
const progress = { done: 1, total: 2 } as Progress;
const view = (run: number, rows: CaseRow[]) =>
  ({ summary: { run }, baseline: null, rows, figures }) as unknown as RunView;

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

it('follows a run from its start to its end', () => {
  const session = new RunSession();
  const ends: string[] = [];
  const tell = session.listen((event) => ends.push(event.kind));
  expect(session.phase).toBe('waiting');
  tell({ kind: 'started', view: view(1, [row('a'), row('b')]) });
  expect(session.phase).toBe('running');
  tell({ kind: 'outcomes', rows: [row('b', { verdict: 'safe' })], figures, progress });
  expect(session.row('b')?.verdict).toBeNull();
  vi.runAllTimers();
  expect(session.row('b')?.verdict).toBe('safe');
  expect(session.rows.map(({ case: id }) => id)).toEqual(['a', 'b']);
  const settled = session.settled;
  tell({
    kind: 'finished',
    view: view(1, [row('a', { verdict: 'safe' }), row('b', { verdict: 'safe' })]),
  });
  expect(session.phase).toBe('finished');
  expect(session.settled).toBe(settled + 1);
  expect(ends).toEqual(['finished']);
});

it('applies the events of one frame together', () => {
  const session = new RunSession();
  const tell = session.listen(() => undefined);
  tell({ kind: 'started', view: view(1, [row('a'), row('b')]) });
  const before = session.rows;
  tell({ kind: 'outcomes', rows: [row('a', { verdict: 'safe' })], figures, progress });
  tell({ kind: 'outcomes', rows: [row('b', { verdict: 'violates' })], figures, progress });
  expect(session.rows).toBe(before);
  vi.runAllTimers();
  expect(session.rows.map(({ verdict }) => verdict)).toEqual(['safe', 'violates']);
});

it('ignores what a superseded run still says', () => {
  const session = new RunSession();
  const old = session.listen(() => expect.unreachable('the old run ended aloud'));
  old({ kind: 'started', view: view(1, [row('a')]) });
  old({ kind: 'outcomes', rows: [row('a', { verdict: 'safe' })], figures, progress });
  const tell = session.listen(() => undefined);
  old({ kind: 'cancelled', run: 1 });
  expect(session.phase).toBe('waiting');
  tell({ kind: 'started', view: view(2, [row('a')]) });
  old({ kind: 'outcomes', rows: [row('a', { verdict: 'violates' })], figures, progress });
  vi.runAllTimers();
  expect(session.row('a')?.verdict).toBeNull();
  expect(session.lastRow('a')?.verdict).toBe('safe');
});

it('keeps rows and figures when a run fails or is cancelled', () => {
  for (const end of [
    { kind: 'cancelled', run: 1 },
    { kind: 'failed', failure: { code: 'model', message: 'no' } },
  ] satisfies RunEvent[]) {
    const session = new RunSession();
    const tell = session.listen(() => undefined);
    tell({ kind: 'started', view: view(1, [row('a')]) });
    tell({ kind: 'outcomes', rows: [row('a', { verdict: 'safe' })], figures, progress });
    tell(end);
    expect(session.row('a')?.verdict).toBe('safe');
    expect(session.busy).toBe(false);
  }
});
