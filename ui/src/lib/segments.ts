// A text cut at its citations, for drawing. Offsets are UTF-16 code units, as
// JavaScript's are.

import type { Citation } from './types';

export type Segment = { text: string; citation: Citation | null };

/** Citations that overlap an earlier one or lie outside the text are left as plain text. */
export function segments(text: string, citations: readonly Citation[]): Segment[] {
  const parts: Segment[] = [];
  let at = 0;
  for (const citation of [...citations].sort((a, b) => a.start - b.start)) {
    if (citation.start < at || citation.end > text.length || citation.end <= citation.start)
      continue;
    if (citation.start > at) parts.push({ text: text.slice(at, citation.start), citation: null });
    parts.push({ text: text.slice(citation.start, citation.end), citation });
    at = citation.end;
  }
  if (at < text.length) parts.push({ text: text.slice(at), citation: null });
  return parts;
}
