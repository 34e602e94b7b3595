// A short glow on lines that something elsewhere pointed at.

import { StateEffect, StateField, type Extension } from '@codemirror/state';
import { Decoration, EditorView, type DecorationSet } from '@codemirror/view';

const FLASH_MS = 1400;
const flashed = Decoration.line({ class: 'cm-flash' });

type Lines = { from: number; to: number };
const setFlash = StateEffect.define<Lines | null>();

const flashField = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(marks, transaction) {
    for (const effect of transaction.effects) {
      if (!effect.is(setFlash)) continue;
      if (!effect.value) return Decoration.none;
      const doc = transaction.state.doc;
      const ranges = [];
      for (let n = effect.value.from; n <= Math.min(effect.value.to, doc.lines); n++) {
        ranges.push(flashed.range(doc.line(n).from));
      }
      return Decoration.set(ranges);
    }
    return marks.map(transaction.changes);
  },
  provide: (field) => EditorView.decorations.from(field),
});

export function flash(): Extension {
  return flashField;
}

/** Scrolls to lines, puts the cursor there and lets them glow. */
export function goToLines(view: EditorView, from: number, to: number): void {
  const first = Math.min(Math.max(1, from), view.state.doc.lines);
  const at = view.state.doc.line(first).from;
  view.dispatch({ effects: setFlash.of(null) });
  view.dispatch({
    selection: { anchor: at },
    effects: [EditorView.scrollIntoView(at, { y: 'center' }), setFlash.of({ from: first, to })],
  });
  setTimeout(() => {
    if (view.dom.isConnected) view.dispatch({ effects: setFlash.of(null) });
  }, FLASH_MS);
}
