import { EditorState, Text } from '@codemirror/state';
import { EditorView } from '@codemirror/view';
import { describe, expect, it } from 'vitest';
import type { Clause } from '../lib/types';
import { changedAt } from './changes';
import { badgeOf, clauseAt } from './clauseGutter';
import { clauseField, clauses, idSpans, placeClauses, setClauses } from './clauses';
import { frontMatterEnd } from './frontMatter';
import { diagnosticsOf } from './problems';
import { createState, replaceText } from './setup';

const doc = Text.of(['# Title', '- T1 sells', '- T2 asks', '', '- T3 jokes']);
const clause = (id: string, line: number): Clause => ({
  id,
  explicit: true,
  line_start: line,
  line_end: line,
  text: '',
});

describe('clauses', () => {
  const list = [clause('T3', 5), clause('T1', 2), clause('T9', 12)];

  it('are placed in order, and left out beyond the end', () => {
    expect(placeClauses(doc, list).map((placed) => placed.clause.id)).toEqual(['T1', 'T3']);
  });

  it('have their ids marked where they stand', () => {
    const spans = idSpans(doc, placeClauses(doc, list));
    expect(spans.map(({ from, to }) => doc.sliceString(from, to))).toEqual(['T1', 'T3']);
  });

  it('move with the text until the next analysis', () => {
    let state = EditorState.create({ doc, extensions: clauses() });
    state = state.update({ effects: setClauses.of([clause('T3', 5)]) }).state;
    state = state.update({ changes: { from: 0, insert: 'new line\n' } }).state;
    const from = state.field(clauseField)[0]?.from ?? -1;
    expect(state.doc.lineAt(from).text).toBe('- T3 jokes');
    expect(clauseAt(state, from)).toBe('T3');
    expect(clauseAt(state, 0)).toBeNull();
  });
});

describe('the badge of a clause', () => {
  const figures = (cited: number, deciding: number, failing: number) => ({
    clause: 'T1',
    cited,
    deciding,
    failing,
    near_misses: 0,
    standing: 'one_sided' as const,
  });

  it.each([
    [undefined, { tone: 'unused', count: 0, deciding: false }],
    [figures(0, 0, 0), { tone: 'unused', count: 0, deciding: false }],
    [figures(4, 0, 0), { tone: 'cited', count: 4, deciding: false }],
    [figures(4, 3, 0), { tone: 'cited', count: 4, deciding: true }],
    [figures(4, 3, 2), { tone: 'failing', count: 2, deciding: true }],
  ])('%o', (entry, badge) => {
    expect(badgeOf(entry)).toEqual(badge);
  });
});

it('marks changed lines, and removals above the line they left', () => {
  const at = (changes: Parameters<typeof changedAt>[1]) =>
    changedAt(doc, changes).map(({ from, kind }) => [doc.lineAt(from).number, kind]);
  expect(at([{ start: 2, end: 3, kind: 'changed' }])).toEqual([
    [2, 'changed'],
    [3, 'changed'],
  ]);
  expect(at([{ start: 4, end: 3, kind: 'removed' }])).toEqual([[4, 'removed']]);
  expect(at([{ start: 6, end: 5, kind: 'removed' }])).toEqual([[5, 'removed']]);
  expect(at([{ start: 5, end: 9, kind: 'added' }])).toEqual([[5, 'added']]);
});

it('underlines the visible part of a problem’s line', () => {
  const problem = (line: number | null) => ({
    severity: 'error' as const,
    file: 'a.md',
    line,
    message: 'm',
  });
  const found = diagnosticsOf(Text.of(['ok', '  bad  ']), [problem(2), problem(null), problem(9)]);
  expect(found).toMatchObject([{ from: 5, to: 8, severity: 'error' }]);
});

it('finds the end of front matter only where there is some', () => {
  expect(frontMatterEnd(Text.of(['---', 'id: a', '---', 'text']))).toBe(3);
  expect(frontMatterEnd(Text.of(['text', '---']))).toBe(0);
  expect(frontMatterEnd(Text.of(['---', 'id: a']))).toBe(0);
});

describe('the editor', () => {
  function open(text: string) {
    const seen: string[] = [];
    const view = new EditorView({
      parent: document.body,
      state: createState(text, {
        onText: (now) => seen.push(now),
        onCursor: () => undefined,
        onClause: () => undefined,
      }),
    });
    return { view, seen };
  }

  it('replaces only what differs, as one step', () => {
    const { view, seen } = open('one\ntwo 😀\nthree\n');
    replaceText(view, 'one\ntwo 😁\nthree\n');
    expect(seen).toEqual(['one\ntwo 😁\nthree\n']);
    replaceText(view, 'one\ntwo 😁\nthree\n');
    expect(seen).toHaveLength(1);
    view.destroy();
  });

  it('keeps a file’s CR LF', () => {
    const { view, seen } = open('one\r\ntwo\r\n');
    view.dispatch({ changes: { from: 0, insert: 'x' } });
    expect(seen).toEqual(['xone\r\ntwo\r\n']);
    view.destroy();
  });
});
