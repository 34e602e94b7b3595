// Clauses of the policy, placed in the text: where each begins, and its id made
// visible. Places are mapped through edits until the next analysis arrives.

import { StateEffect, StateField, type Extension, type Text } from '@codemirror/state';
import { Decoration, EditorView, type DecorationSet } from '@codemirror/view';
import type { Clause } from '../lib/types';

export type PlacedClause = { clause: Clause; from: number };

export const setClauses = StateEffect.define<readonly Clause[]>();

/** Where each clause begins; clauses beyond the text's end are left out. */
export function placeClauses(doc: Text, clauses: readonly Clause[]): PlacedClause[] {
  return clauses
    .filter((clause) => clause.line_start >= 1 && clause.line_start <= doc.lines)
    .map((clause) => ({ clause, from: doc.line(clause.line_start).from }))
    .sort((a, b) => a.from - b.from);
}

export const clauseField = StateField.define<readonly PlacedClause[]>({
  create: () => [],
  update(placed, transaction) {
    for (const effect of transaction.effects) {
      if (effect.is(setClauses)) return placeClauses(transaction.state.doc, effect.value);
    }
    if (!transaction.docChanged) return placed;
    return placed.map((entry) => ({ ...entry, from: transaction.changes.mapPos(entry.from, 1) }));
  },
});

const idMark = Decoration.mark({ class: 'cm-clause-id' });

/** The spans of explicit ids, each within the line where its clause begins. */
export function idSpans(
  doc: Text,
  placed: readonly PlacedClause[],
): { from: number; to: number }[] {
  return placed.flatMap(({ clause, from }) => {
    if (!clause.explicit) return [];
    const line = doc.lineAt(Math.min(from, doc.length));
    const at = line.text.indexOf(clause.id);
    return at < 0 ? [] : [{ from: line.from + at, to: line.from + at + clause.id.length }];
  });
}

const ids = EditorView.decorations.compute([clauseField, 'doc'], (state): DecorationSet => {
  const spans = idSpans(state.doc, state.field(clauseField));
  return Decoration.set(
    spans.map(({ from, to }) => idMark.range(from, to)),
    true,
  );
});

export function clauses(): Extension {
  return [clauseField, ids];
}
