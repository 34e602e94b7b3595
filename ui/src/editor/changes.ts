// Lines that differ from the baseline's text: a bar beside them and a faint ground.

import { RangeSet, StateEffect, StateField, type Extension, type Text } from '@codemirror/state';
import { Decoration, EditorView, gutter, GutterMarker } from '@codemirror/view';
import { i18n } from '../messages/index.svelte';
import type { ChangedLines, ChangeKind } from '../lib/types';

export const setChanges = StateEffect.define<readonly ChangedLines[]>();

/** One mark for each line concerned; a removal marks the line it stands above. */
export function changedAt(
  doc: Text,
  changes: readonly ChangedLines[],
): { from: number; kind: ChangeKind }[] {
  return changes.flatMap(({ start, end, kind }) => {
    const last = kind === 'removed' ? start : end;
    const marks: { from: number; kind: ChangeKind }[] = [];
    for (let line = Math.max(1, start); line <= Math.min(last, doc.lines); line++) {
      marks.push({ from: doc.line(line).from, kind });
    }
    if (kind === 'removed' && start > doc.lines)
      marks.push({ from: doc.line(doc.lines).from, kind });
    return marks;
  });
}

class ChangeMarker extends GutterMarker {
  readonly kind: ChangeKind;

  constructor(kind: ChangeKind) {
    super();
    this.kind = kind;
    this.elementClass = `cm-change cm-change-${kind}`;
  }

  override eq(other: GutterMarker): boolean {
    return other instanceof ChangeMarker && other.kind === this.kind;
  }

  override toDOM(): HTMLElement {
    const { lineAdded, lineChanged, lineRemoved } = i18n.m;
    const bar = document.createElement('span');
    bar.title = { added: lineAdded, changed: lineChanged, removed: lineRemoved }[this.kind];
    return bar;
  }
}

const changedLine = Decoration.line({ class: 'cm-changed-line' });
const markers: Record<ChangeKind, ChangeMarker> = {
  added: new ChangeMarker('added'),
  changed: new ChangeMarker('changed'),
  removed: new ChangeMarker('removed'),
};

const changeField = StateField.define<RangeSet<ChangeMarker>>({
  create: () => RangeSet.empty,
  update(marks, transaction) {
    for (const effect of transaction.effects) {
      if (effect.is(setChanges)) {
        const placed = changedAt(transaction.state.doc, effect.value);
        return RangeSet.of(
          placed.map(({ from, kind }) => markers[kind].range(from)),
          true,
        );
      }
    }
    return transaction.docChanged ? marks.map(transaction.changes) : marks;
  },
});

const ground = EditorView.decorations.compute([changeField], (state) => {
  const lines = [];
  const seen = new Set<number>();
  for (let at = state.field(changeField).iter(); at.value; at.next()) {
    const from = state.doc.lineAt(at.from).from;
    if (at.value.kind !== 'removed' && !seen.has(from)) lines.push(changedLine.range(from));
    seen.add(from);
  }
  return Decoration.set(lines, true);
});

export function changes(): Extension {
  return [
    changeField,
    ground,
    gutter({ class: 'cm-change-gutter', markers: (view) => view.state.field(changeField) }),
  ];
}
