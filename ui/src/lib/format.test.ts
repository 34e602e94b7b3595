import { expect, it } from 'vitest';
import { delta, duration, margin, marginPosition, pValue, rate } from './format';

it('writes rates without a leading zero', () => {
  expect([rate(0.9412), rate(1), rate(0), rate(null)]).toEqual(['.94', '1.00', '.00', '–']);
});

it('writes differences with their sign, and nothing as nothing', () => {
  expect([delta(0.021), delta(-0.034), delta(0.001), delta(-0.001)]).toEqual([
    '+.02',
    '−.03',
    '±0',
    '±0',
  ]);
});

it('writes margins, durations and probabilities', () => {
  expect([margin(2.44), margin(-1.9)]).toEqual(['+2.4', '−1.9']);
  expect([duration(183.4), duration(2340), duration(61_000)]).toEqual([
    '183 ms',
    '2.3 s',
    '1 min 1 s',
  ]);
  expect([pValue(0.0001), pValue(0.0625), pValue(0.5), pValue(1)]).toEqual([
    '< .001',
    '.063',
    '.50',
    '1',
  ]);
});

it('keeps margins on their bar, whatever their size', () => {
  expect(marginPosition(0)).toBe(0.5);
  expect(marginPosition(-400)).toBeGreaterThanOrEqual(0);
  expect(marginPosition(400)).toBeLessThanOrEqual(1);
});
