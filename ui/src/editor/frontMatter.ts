// The YAML between the first two `---` lines, set back from the policy's own text.

import type { Extension, Text } from '@codemirror/state';
import { Decoration, EditorView } from '@codemirror/view';

const quiet = Decoration.line({ class: 'cm-front-matter' });

/** The last line of the front matter; 0 where there is none. */
export function frontMatterEnd(doc: Text): number {
  if (doc.line(1).text.trimEnd() !== '---') return 0;
  for (let n = 2; n <= doc.lines; n++) {
    if (doc.line(n).text.trimEnd() === '---') return n;
  }
  return 0;
}

export function frontMatter(): Extension {
  return EditorView.decorations.compute(['doc'], (state) => {
    const lines = [];
    for (let n = 1, end = frontMatterEnd(state.doc); n <= end; n++) {
      lines.push(quiet.range(state.doc.line(n).from));
    }
    return Decoration.set(lines);
  });
}
