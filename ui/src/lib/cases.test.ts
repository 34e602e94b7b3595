import { expect, it } from 'vitest';
import { fromCase, nextId, splitList, withExpected } from './cases';
import type { Case } from './types';

it('numbers a new case after the others', () => {
  expect(nextId('tobacco', ['tobacco-01', 'tobacco-40', 'special'])).toBe('tobacco-41');
  expect(nextId('tobacco', [])).toBe('tobacco-1');
  expect(nextId('x', ['a9', 'a10'])).toBe('a11');
});

it('shows an unjudged case on one line', () => {
  const row = fromCase({ id: 'a', content: ' two\n lines ', kind: 'user_input', expected: 'safe' });
  expect(row).toMatchObject({
    excerpt: 'two lines',
    verdict: null,
    correct: null,
    expected: 'safe',
  });
});

it('drops a label that says the opposite of the new expectation', () => {
  const item: Case = {
    id: 'a',
    content: 'x',
    kind: 'user_input',
    expected: 'violates',
    label: 'SP3',
  };
  const contract = {
    kind: 'label' as const,
    labels: [
      ['SP0', 'safe'],
      ['SP3', 'violates'],
    ] as [string, 'safe' | 'violates'][],
  };
  expect(withExpected(item, 'safe', contract)).toMatchObject({
    expected: 'safe',
    label: undefined,
  });
  expect(withExpected(item, 'violates', contract).label).toBe('SP3');
});

it('reads lists as people of several scripts write them', () => {
  expect(splitList(' a, b，c、 a')).toEqual(['a', 'b', 'c']);
});
