// Cases as the window handles them before and beside a run.

import type { Case, CaseRow, Content, Evidence, Expected, OutputContract } from './types';

const EXCERPT_CHARS_MAX = 160;

export function plainText(content: Content): string {
  return typeof content === 'string' ? content : content.map((turn) => turn.text).join('  ');
}

/** A row for a case that no run has judged. */
export function fromCase(item: Case): CaseRow {
  return {
    case: item.id,
    excerpt: plainText(item.content).replace(/\s+/g, ' ').trim().slice(0, EXCERPT_CHARS_MAX),
    kind: item.kind,
    tags: item.tags ?? [],
    language: item.language ?? null,
    expected: item.expected ?? null,
    expected_label: item.label ?? null,
    verdict: null,
    label: null,
    unparsed_reason: null,
    rules: [],
    margin: null,
    correct: null,
    cached: false,
    before: null,
    flip: null,
    certainty: null,
  };
}

/** The row of a flip, with what was found about it. */
export const withEvidence = (row: CaseRow, evidence: Evidence): CaseRow =>
  row.flip === null ? row : { ...row, certainty: evidence.certainty, evidence };

/** An id for a new case, in the manner of the others: `tobacco-41` after `tobacco-40`. */
export function nextId(policy: string, taken: Iterable<string>): string {
  const ids = new Set(taken);
  let best: { stem: string; n: number; width: number } | null = null;
  for (const id of ids) {
    const match = /^(.*?)(\d+)$/.exec(id);
    if (!match) continue;
    const digits = match[2] ?? '';
    const n = Number(digits);
    if (!best || n > best.n) best = { stem: match[1] ?? '', n, width: digits.length };
  }
  const stem = best?.stem ?? `${policy}-`;
  const width = best?.width ?? 1;
  for (let n = (best?.n ?? 0) + 1; ; n++) {
    const id = stem + String(n).padStart(width, '0');
    if (!ids.has(id)) return id;
  }
}

/** The case with another expectation; a label that says the opposite is left out. */
export function withExpected(
  item: Case,
  expected: Expected | undefined,
  contract: OutputContract | null,
): Case {
  const meaning = contract?.labels.find(([label]) => label === item.label)?.[1];
  const label = meaning !== undefined && meaning !== expected ? undefined : item.label;
  return { ...item, expected, label };
}

export function splitList(text: string): string[] {
  return [
    ...new Set(
      text
        .split(/[,，、\n]/)
        .map((part) => part.trim())
        .filter(Boolean),
    ),
  ];
}
