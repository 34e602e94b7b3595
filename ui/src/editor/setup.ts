// The policy editor, put together from its extensions.

import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { markdown } from '@codemirror/lang-markdown';
import { highlightSelectionMatches, search, searchKeymap } from '@codemirror/search';
import { EditorState, type Extension } from '@codemirror/state';
import {
  drawSelection,
  dropCursor,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  keymap,
  type KeyBinding,
  lineNumbers,
} from '@codemirror/view';
import { i18n } from '../messages/index.svelte';
import { changes } from './changes';
import { clauseGutter } from './clauseGutter';
import { clauses } from './clauses';
import { flash } from './flash';
import { frontMatter } from './frontMatter';
import { marks } from './marks';
import { problems } from './problems';
import { theme } from './theme';

export type EditorEvents = {
  onText: (text: string) => void;
  onCursor: (line: number, column: number) => void;
  onClause: (clause: string) => void;
};

/** Ctrl+Enter runs the policy; Tab moves on, as anywhere in the window. */
const unclaimed = (binding: KeyBinding) => binding.key !== 'Mod-Enter';

/** A file whose every line ends in CR LF keeps doing so. */
function lineEnds(text: string): Extension {
  const all = text.split('\n').length - 1;
  const carriage = text.split('\r\n').length - 1;
  return all > 0 && all === carriage ? EditorState.lineSeparator.of('\r\n') : [];
}

export function createState(text: string, events: EditorEvents): EditorState {
  return EditorState.create({
    doc: text,
    extensions: [
      lineEnds(text),
      changes(),
      clauseGutter(events.onClause),
      lineNumbers(),
      highlightActiveLineGutter(),
      highlightActiveLine(),
      history(),
      drawSelection(),
      dropCursor(),
      EditorView.lineWrapping,
      EditorView.perLineTextDirection.of(true),
      // `---` under front matter is no heading.
      markdown({ extensions: [{ remove: ['SetextHeading'] }], addKeymap: true }),
      search({ top: true }),
      highlightSelectionMatches(),
      clauses(),
      frontMatter(),
      marks(),
      problems(),
      flash(),
      theme(),
      keymap.of([...searchKeymap, ...historyKeymap, ...defaultKeymap.filter(unclaimed)]),
      EditorView.contentAttributes.of({
        'aria-label': i18n.m.editor,
        spellcheck: 'false',
        autocorrect: 'off',
        autocapitalize: 'off',
      }),
      EditorView.updateListener.of((update) => {
        if (update.docChanged) events.onText(update.state.sliceDoc());
        if (update.docChanged || update.selectionSet) {
          const head = update.state.selection.main.head;
          const line = update.state.doc.lineAt(head);
          events.onCursor(line.number, head - line.from + 1);
        }
      }),
    ],
  });
}

/** Replaces the whole text as one undoable step, leaving what is alike in place. */
export function replaceText(view: EditorView, text: string): void {
  const before = view.state.doc;
  const after = view.state.toText(text);
  const old = before.toString();
  const now = after.toString();
  let start = 0;
  const shorter = Math.min(old.length, now.length);
  while (start < shorter && old[start] === now[start]) start++;
  let tail = 0;
  while (tail < shorter - start && old.at(-1 - tail) === now.at(-1 - tail)) tail++;
  if (start === old.length && start === now.length) return;
  view.dispatch({
    changes: { from: start, to: old.length - tail, insert: now.slice(start, now.length - tail) },
    userEvent: 'input.replace',
  });
}
