import { expect, it } from 'vitest';
import { segments } from './segments';

it('cuts a trace at its citations, by UTF-16 code units', () => {
  const text = '😀 T4 and T9';
  const parts = segments(text, [
    { start: 10, end: 12, text: 'T9', clause: null },
    { start: 3, end: 5, text: 'T4', clause: 'T4' },
  ]);
  expect(parts.map((part) => [part.text, part.citation?.clause])).toEqual([
    ['😀 ', undefined],
    ['T4', 'T4'],
    [' and ', undefined],
    ['T9', null],
  ]);
});

it('loses no text over citations that overlap or lie outside', () => {
  const text = 'T1.a decides';
  const parts = segments(text, [
    { start: 0, end: 4, text: 'T1.a', clause: 'T1.a' },
    { start: 0, end: 2, text: 'T1', clause: 'T1' },
    { start: 50, end: 52, text: 'T2', clause: null },
  ]);
  expect(parts.map((part) => part.text).join('')).toBe(text);
  expect(parts[0]?.citation?.clause).toBe('T1.a');
});
