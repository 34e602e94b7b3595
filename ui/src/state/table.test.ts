import { expect, it, vi } from 'vitest';
import { fromCase } from '../lib/cases';
import type { CaseRow } from '../lib/types';
import { CaseTable } from './table.svelte';

const row = (id: string, more: Partial<CaseRow> = {}): CaseRow => ({
  ...fromCase({ id, content: `text of ${id}`, kind: 'user_input' }),
  verdict: 'safe',
  ...more,
});

function tableOf(rows: CaseRow[], more: { running?: boolean; compared?: boolean } = {}) {
  const source = {
    rows,
    running: false,
    compared: true,
    ...more,
    row: (id: string) => source.rows.find((entry) => entry.case === id),
    haystack: (id: string) => `text of ${id}`,
  };
  const table = new CaseTable(source);
  table.regroup();
  return { table, source };
}

const at = (id: string) => ({ kind: 'case', id });

const list = ({ listing }: CaseTable) =>
  Array.from({ length: listing.length }, (_, line) => {
    const item = listing.item(line);
    return item?.kind === 'group' ? `${item.group} ${item.count}` : item?.id;
  });

it('puts flips on top, what broke first', () => {
  const { table } = tableOf([
    row('a'),
    row('b', { flip: 'fixed' }),
    row('c', { flip: 'broken' }),
    row('d', { flip: 'changed' }),
  ]);
  expect(list(table)).toEqual(['flips 3', 'c', 'b', 'd', 'rest 1', 'a']);
  expect(table.selected).toBe('c');
});

it('moves no row while results stream, and groups when asked', () => {
  const { table, source } = tableOf([row('a', { verdict: null }), row('b', { verdict: null })], {
    running: true,
  });
  source.rows = [row('a'), row('b', { flip: 'broken' })];
  table.follow();
  expect(list(table)).toEqual(['a', 'b']);
  table.regroup();
  expect(list(table)).toEqual(['flips 1', 'b', 'rest 1', 'a']);
});

it('follows cases that come and go during a run', () => {
  const { table, source } = tableOf([row('a'), row('b'), row('c')], { running: true });
  table.selected = 'b';
  source.rows = [row('a'), row('c'), row('n')];
  table.follow();
  expect(list(table)).toEqual(['a', 'c', 'n']);
  expect(table.selected).toBe('a');
});

it('appends to a filtered list while it fills', () => {
  const { table, source } = tableOf([row('a', { flip: 'fixed' }), row('b'), row('c')], {
    running: true,
  });
  table.setFilter('flipped');
  source.rows = [row('a', { flip: 'fixed' }), row('b', { flip: 'broken' }), row('c')];
  table.follow();
  expect(list(table)).toEqual(['flips 2', 'a', 'b']);
});

it('filters and counts', () => {
  const { table } = tableOf([
    row('a', { correct: false, margin: -0.4 }),
    row('b', { correct: true, margin: 5 }),
    row('c', { correct: false, margin: 1.2, flip: 'broken' }),
  ]);
  expect(table.counts).toEqual({ all: 3, flipped: 1, wrong: 2, near: 2, running: 0 });
  table.setFilter('wrong');
  expect(list(table)).toEqual(['flips 1', 'c', 'rest 1', 'a']);
  table.setFilter('all');
  table.setQuery('OF b');
  expect(list(table)).toEqual(['b']);
  table.setQuery('nothing');
  expect(list(table)).toEqual([]);
});

it('sorts within the groups, and back', () => {
  const { table } = tableOf([
    row('a', { margin: 3 }),
    row('b', { margin: -2 }),
    row('c', { margin: null }),
  ]);
  table.toggleSort('margin');
  expect(list(table)).toEqual(['b', 'a', 'c']);
  table.toggleSort('margin');
  expect(list(table)).toEqual(['c', 'a', 'b']);
  table.toggleSort('margin');
  expect(list(table)).toEqual(['a', 'b', 'c']);
});

it('moves the selection over headings, and from flip to flip', () => {
  const { table } = tableOf([row('a'), row('b', { flip: 'fixed' }), row('c', { flip: 'broken' })]);
  table.move(1);
  table.move(1);
  expect(table.selected).toBe('a');
  table.move(1);
  expect(table.selected).toBe('a');
  table.moveToFlip(1);
  expect(table.selected).toBe('c');
  table.moveToFlip(-1);
  expect(table.selected).toBe('b');
});

it('leaves the page alone for no longer than a frame with a hundred thousand cases', async () => {
  const many = Array.from({ length: 100_000 }, (_, n) => row(`case-${n}`, { margin: n % 13 }));
  const index = new Map(many.map((entry) => [entry.case, entry]));
  const table = new CaseTable({
    rows: many,
    running: true,
    compared: true,
    row: (id) => index.get(id),
    haystack: (id) => id,
  });
  const longest = (act: () => void) => {
    const start = performance.now();
    act();
    return performance.now() - start;
  };
  const filled = (lines: number) =>
    vi.waitFor(() => expect(table.listing.length).toBe(lines), 20_000);
  table.regroup();
  await filled(100_000);
  // A slice is 5 ms; a machine that is busy with other things may take the page away for longer.
  expect(longest(() => table.toggleSort('margin'))).toBeLessThan(100);
  await vi.waitFor(() => expect(table.listing.item(99_999)).toEqual(at('case-99995')), 20_000);
  expect(table.listing.item(0)).toEqual(at('case-0'));
  expect(table.listing.item(1)).toEqual(at('case-13'));
  expect(longest(() => table.setQuery('case-9'))).toBeLessThan(100);
  await filled(11_111);
  // What was listed is narrowed: nothing else is looked at, and the order stays.
  table.setQuery('case-99');
  await filled(1_111);
  expect(table.listing.item(0)).toEqual(at('case-9906'));
  // A newer wish takes the place of one that is not fulfilled yet.
  table.setQuery('');
  table.setQuery('case-123');
  await filled(111);
});

it('moves through a large list at once, and finds its way back', () => {
  const { table } = tableOf(Array.from({ length: 300 }, (_, n) => row(`c${n}`)));
  table.move(1_000);
  expect([table.selected, table.selectedIndex]).toEqual(['c299', 299]);
  table.move(-5);
  expect(table.selectedIndex).toBe(294);
  table.setQuery('c2');
  table.reveal('c7');
  expect([table.query, table.selectedIndex]).toEqual(['', 7]);
});
