// Lines that caused the flip that is looked at, and clauses that its verdict rests on.

import { StateEffect, StateField, type Extension, type Range } from '@codemirror/state';
import { Decoration, EditorView, type DecorationSet } from '@codemirror/view';
import type { Mark } from '../state/marks';

export const setMarks = StateEffect.define<readonly Mark[]>();

const lines = {
  cause: Decoration.line({ class: 'cm-cause' }),
  removed: Decoration.line({ class: 'cm-cause-removed' }),
  rests: Decoration.line({ class: 'cm-rests' }),
};

const field = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(placed, transaction) {
    for (const effect of transaction.effects) {
      if (!effect.is(setMarks)) continue;
      const doc = transaction.state.doc;
      const ranges: Range<Decoration>[] = [];
      for (const { kind, from, to } of effect.value)
        for (let line = Math.max(1, from); line <= Math.min(to, doc.lines); line++)
          ranges.push(lines[kind].range(doc.line(line).from));
      return Decoration.set(ranges, true);
    }
    return placed.map(transaction.changes);
  },
  provide: (of) => EditorView.decorations.from(of),
});

export function marks(): Extension {
  return field;
}
