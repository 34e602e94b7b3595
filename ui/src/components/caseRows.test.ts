import { beforeEach, expect, it } from 'vitest';
import { fromCase } from '../lib/cases';
import type { CaseRow } from '../lib/types';
import { en } from '../messages/en';
import { CaseRows } from './caseRows';

const parent = document.createElement('div');
let rows = new CaseRows(parent);

beforeEach(() => {
  parent.replaceChildren();
  rows = new CaseRows(parent);
});

const row = (more: Partial<CaseRow>): CaseRow => ({
  ...fromCase({ id: 'a', content: 'sells pipes', kind: 'user_input' }),
  ...more,
});

/** Draws one line, and gives what its verdict's cell shows. */
function verdict(row: CaseRow, last?: CaseRow) {
  rows.show([{ index: 0, row, last, busy: row.verdict === null, selected: false }], en);
  const cell = parent.querySelector<HTMLElement>('[data-testid=verdict]') as HTMLElement;
  const shown = [...cell.children].filter((part) => !(part as HTMLElement).hidden) as HTMLElement[];
  return {
    judged: cell.dataset.verdict,
    texts: shown.map((part) => part.textContent),
    pill: shown.find((part) => part.classList.contains('pill')),
  };
}

it('marks a preview as one, until the case is judged', () => {
  const last = row({ verdict: 'safe', label: 'SP0', margin: -4 });
  const stale = verdict(row({}), last);
  expect(stale.texts).toEqual(['SP0']);
  expect(stale.pill?.className).toBe('pill safe stale');

  const preview = verdict(row({ preview: { verdict: 'violates', margin: 1.5 } }), last);
  expect(preview.judged).toBe('');
  expect(preview.texts).toEqual(['violates', 'preview']);
  expect(preview.pill?.className).toBe('pill violates preview');
  expect(preview.pill?.title).toBe(en.verdictPreview('violates'));
  expect(parent.querySelector<HTMLElement>('.margin-bar')?.title).toBe(en.marginValue('+1.5'));

  const judged = verdict(row({ verdict: 'safe', label: 'SP0', margin: -3 }), last);
  expect(judged.judged).toBe('safe');
  expect(judged.texts).toEqual(['SP0']);
  expect(judged.pill?.className).toBe('pill safe');
});
