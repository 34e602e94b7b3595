import { expect, it } from 'vitest';
import { fromCase } from '../lib/cases';
import type { CaseRow } from '../lib/types';
import { CaseTable, type Item } from './table.svelte';

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

const list = (items: readonly Item[]) =>
  items.map((item) => (item.kind === 'case' ? item.id : `${item.group} ${item.count}`));

it('puts flips on top, what broke first', () => {
  const { table } = tableOf([
    row('a'),
    row('b', { flip: 'fixed' }),
    row('c', { flip: 'broken' }),
    row('d', { flip: 'changed' }),
  ]);
  expect(list(table.items)).toEqual(['flips 3', 'c', 'b', 'd', 'rest 1', 'a']);
  expect(table.selected).toBe('c');
});

it('moves no row while results stream, and groups when asked', () => {
  const { table, source } = tableOf([row('a', { verdict: null }), row('b', { verdict: null })], {
    running: true,
  });
  source.rows = [row('a'), row('b', { flip: 'broken' })];
  table.follow();
  expect(list(table.items)).toEqual(['a', 'b']);
  table.regroup();
  expect(list(table.items)).toEqual(['flips 1', 'b', 'rest 1', 'a']);
});

it('follows cases that come and go during a run', () => {
  const { table, source } = tableOf([row('a'), row('b'), row('c')], { running: true });
  table.selected = 'b';
  source.rows = [row('a'), row('c'), row('n')];
  table.follow();
  expect(list(table.items)).toEqual(['a', 'c', 'n']);
  expect(table.selected).toBe('a');
});

it('appends to a filtered list while it fills', () => {
  const { table, source } = tableOf([row('a', { flip: 'fixed' }), row('b'), row('c')], {
    running: true,
  });
  table.setFilter('flipped');
  source.rows = [row('a', { flip: 'fixed' }), row('b', { flip: 'broken' }), row('c')];
  table.follow();
  expect(list(table.items)).toEqual(['flips 1', 'a', 'b']);
});

it('filters and counts', () => {
  const { table } = tableOf([
    row('a', { correct: false, margin: -0.4 }),
    row('b', { correct: true, margin: 5 }),
    row('c', { correct: false, margin: 1.2, flip: 'broken' }),
  ]);
  expect(table.counts).toEqual({ all: 3, flipped: 1, wrong: 2, near: 2, running: 0 });
  table.setFilter('wrong');
  expect(list(table.items)).toEqual(['flips 1', 'c', 'rest 1', 'a']);
  table.setFilter('all');
  table.setQuery('OF b');
  expect(list(table.items)).toEqual(['b']);
  table.setQuery('nothing');
  expect(list(table.items)).toEqual([]);
});

it('sorts within the groups, and back', () => {
  const { table } = tableOf([
    row('a', { margin: 3 }),
    row('b', { margin: -2 }),
    row('c', { margin: null }),
  ]);
  table.toggleSort('margin');
  expect(list(table.items)).toEqual(['b', 'a', 'c']);
  table.toggleSort('margin');
  expect(list(table.items)).toEqual(['c', 'a', 'b']);
  table.toggleSort('margin');
  expect(list(table.items)).toEqual(['a', 'b', 'c']);
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

it('stays quick with a hundred thousand cases', () => {
  const many = Array.from({ length: 100_000 }, (_, n) => row(`case-${n}`, { margin: n % 13 }));
  const index = new Map(many.map((entry) => [entry.case, entry]));
  const table = new CaseTable({
    rows: many,
    running: true,
    compared: true,
    row: (id) => index.get(id),
    haystack: (id) => id,
  });
  const start = performance.now();
  table.regroup();
  table.toggleSort('margin');
  table.follow();
  table.setQuery('case-99');
  expect(performance.now() - start).toBeLessThan(3000);
  expect(table.items.length).toBe(1111);
});
