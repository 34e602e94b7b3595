import { expect, it } from 'vitest';
import { pressed } from './keys';

const key = (key: string, more: KeyboardEventInit = {}) =>
  new KeyboardEvent('keydown', { key, ...more });

it.each([
  ['Ctrl+K', key('k', { ctrlKey: true }), true],
  ['Ctrl+K', key('k', { metaKey: true }), true],
  ['Ctrl+K', key('k'), false],
  ['Ctrl+K', key('K', { ctrlKey: true, shiftKey: true }), false],
  ['?', key('?', { shiftKey: true }), true],
  ['X', key('x'), true],
  ['F8', key('F8', { shiftKey: true }), false],
  ['Shift+F8', key('F8', { shiftKey: true }), true],
  ['Alt+1', key('1', { altKey: true }), true],
])('%s', (keys, event, expected) => {
  expect(pressed(event, keys)).toBe(expected);
});
