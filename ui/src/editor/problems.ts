// What is wrong in the text, underlined where it stands.

import { lintKeymap, setDiagnostics, type Diagnostic } from '@codemirror/lint';
import type { EditorState, Extension, Text, TransactionSpec } from '@codemirror/state';
import { keymap } from '@codemirror/view';
import type { Problem } from '../lib/types';

/** Problems that have a line, as spans over that line's visible text. */
export function diagnosticsOf(doc: Text, problems: readonly Problem[]): Diagnostic[] {
  return problems.flatMap((problem) => {
    if (problem.line === null || problem.line < 1 || problem.line > doc.lines) return [];
    const line = doc.line(problem.line);
    const indent = line.text.length - line.text.trimStart().length;
    const from = line.from + indent;
    const to = line.from + line.text.trimEnd().length;
    return [{ from, to: Math.max(from, to), severity: problem.severity, message: problem.message }];
  });
}

export function showProblems(state: EditorState, problems: readonly Problem[]): TransactionSpec {
  return setDiagnostics(state, diagnosticsOf(state.doc, problems));
}

export function problems(): Extension {
  return keymap.of(lintKeymap);
}
