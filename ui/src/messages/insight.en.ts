// English, for what is found out about flips and verdicts.

import { many } from './plural';

export const insight = {
  // Real or noise
  certaintyReal: 'real',
  certaintyNoise: 'noise',
  certaintyUndecided: 'undecided',
  certaintyUntested: 'not tested',
  certaintyTesting: 'testing…',
  evidenceReal: (shown: number, pairs: number) =>
    `Real: ${shown} of ${many(pairs, 'pair', 'pairs')} of samples show the flip.`,
  evidenceNoise: (shown: number, pairs: number) =>
    `Noise: only ${shown} of ${many(pairs, 'pair', 'pairs')} of samples show the flip. Any edit might have caused it.`,
  evidenceUndecided: (shown: number, pairs: number) =>
    `Undecided: ${shown} of ${many(pairs, 'pair', 'pairs')} of samples show the flip.`,
  evidenceForm: 'Noise: the two texts differ in form alone: white space, order or numbering.',
  evidenceClear: 'Real: both answers came at once, and stand far apart.',
  evidenceUntested: 'Not tested yet. Pairs of samples under both texts tell whether it is real.',
  evidenceSides: (before: number, after: number, pairs: number) =>
    `Of ${pairs}, ${before} say again what was said before, ${after} what is said now.`,
  certaintyCounts: (real: number, noise: number, undecided: number, untested: number) =>
    [
      real > 0 ? `${real} real` : '',
      noise > 0 ? `${noise} noise` : '',
      undecided > 0 ? `${undecided} undecided` : '',
      untested > 0 ? `${untested} not tested` : '',
    ]
      .filter(Boolean)
      .join(' · '),
  testFlips: 'Test whether the flips are real',
  testFlipsShort: 'Test',
  confirmByThemselves: 'Test flips when idle',
  confirmOn: 'Flips are tested when nothing runs.',
  confirmOff: 'Flips are tested only when you ask.',

  // Causes
  whichHunk: 'Which change caused it',
  whichHunkHint:
    'Judges the case under the earlier text with each change alone, and under the later text without each.',
  causedBy: 'Caused by',
  causeEither: 'either alone',
  causeTogether: 'together, none alone',
  causeTogetherHint: 'An interaction: no single change makes this flip.',
  causeContract: 'the output contract',
  hunkName: (clauses: string, line: number) => clauses || `line ${line}`,
  hunkGo: (line: number) => `Show line ${line} in the editor`,

  // What a verdict rests on
  smallestSet: 'Smallest set of clauses that carries this verdict',
  smallestSetShort: 'What it rests on',
  smallestSetHint: 'Judges the case again without each clause, and without several where needed.',
  restsOn: 'Rests on',
  restsTogether: 'together: only without all of them is the verdict another',
  restsOnNone: 'no clause: the verdict stays even without any',
  decidesAlone: 'without it the verdict is another',
  eachDecides: 'without any one of them the verdict is another',
  faithfulness: (n: string, cited: number) =>
    `${n} of the ${many(cited, 'cited clause', 'cited clauses')} decide`,
  withoutClause: 'What is said without each clause:',
  showDetails: 'Show each clause',
  hideDetails: 'Hide the clauses',
  clauseIsCited: 'cited',

  // Progress
  testingFlips: (n: number, decided: number) =>
    `Testing ${many(n, 'flip', 'flips')}: ${decided} decided`,
  findingCause: (id: string) => `Finding what caused ${id}`,
  findingCauses: (n: number) => `Finding what caused ${many(n, 'flip', 'flips')}`,
  findingClauses: (id: string) => `Finding what ${id} rests on`,
  stopProbes: 'Stop testing and asking',

  // Compare
  hunkCaused: (n: number) => `caused ${many(n, 'flip', 'flips')}`,
  hunkCausedNone: 'caused no flip',
  hunkCausedHint: 'Found by judging the flips with and without this change.',
  hunkShares: (n: number) => `${n} of them only together with another change`,
  causesKnown: (n: number, total: number) =>
    n === total ? 'Causes found for every flip' : `Causes found for ${n} of ${total} flips`,
  causesUnknown: 'Grouped by the clauses that flips name, which is no proof of a cause.',
  findCauses: 'Find the causes',
  findCausesHint: 'Judges every flip with and without each change, in the background.',
  causeOfContract: (n: number) =>
    `${many(n, 'flip was', 'flips were')} caused by the output contract in the front matter.`,
};
