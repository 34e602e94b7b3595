// How certain a flip is, in words. What it is was found in the back end.

import type { CaseRow } from './types';
import type { Messages } from '../messages/en';

type Certain = Pick<CaseRow, 'certainty' | 'evidence'>;

/** A flip of which nothing is known but that it happened. */
export const isUntested = (row: CaseRow) =>
  row.flip !== null && row.certainty === 'undecided' && row.evidence === undefined;

/** One word, for tables. */
export function certaintyWord(row: Certain, m: Messages): string {
  if (row.certainty === null) return '';
  if (row.certainty === 'undecided' && !row.evidence) return m.certaintyUntested;
  return { real: m.certaintyReal, noise: m.certaintyNoise, undecided: m.certaintyUndecided }[
    row.certainty
  ];
}

/** What was tested and found, in sentences. */
export function certaintyText(row: Certain, m: Messages): string {
  const { certainty, evidence } = row;
  if (certainty === null) return '';
  if (!evidence) return certainty === 'real' ? m.evidenceClear : m.evidenceUntested;
  if (evidence.test === 'form') return m.evidenceForm;
  const say = { real: m.evidenceReal, noise: m.evidenceNoise, undecided: m.evidenceUndecided };
  const sides = m.evidenceSides(evidence.before_same, evidence.after_same, evidence.pairs);
  return `${say[certainty](evidence.shown, evidence.pairs)} ${sides}`;
}
