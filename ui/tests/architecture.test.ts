// What must stay true of the window's sources.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const sources = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter((path) => /\.(ts|svelte)$/.test(path))
  .map((path) => ({ path, text: readFileSync(join('src', path), 'utf8') }));
const imports = (text: string) =>
  [...text.matchAll(/from '([^']+)'|import\('([^']+)'\)/g)].map((m) => m[1] ?? m[2] ?? '');

it('finds the sources', () => {
  expect(sources.length).toBeGreaterThan(40);
});

it('lets only api.ts speak to Tauri', () => {
  const speakers = sources.filter(({ text }) =>
    imports(text).some((from) => from.startsWith('@tauri-apps/')),
  );
  expect(speakers.map(({ path }) => path)).toEqual(['api.ts']);
});

it('keeps the simulated back end out of the app', () => {
  const users = sources.filter(
    ({ path, text }) =>
      !path.startsWith('testing') &&
      !path.includes('.test.') &&
      imports(text).some((from) => from.includes('testing')),
  );
  expect(users).toEqual([]);
});

it('writes no word for people outside the catalogue', () => {
  // Text between tags, in the templates of components; names and symbols are no words.
  const wordy = sources.flatMap(({ path, text }) => {
    if (!path.endsWith('.svelte')) return [];
    const template = text
      .replace(/<(script|style)[\s\S]*?<\/\1>/g, '')
      .replace(/<!--[\s\S]*?-->/g, '');
    return [...template.matchAll(/>\s*([A-Z][a-z]+(?: [a-z]+)+)\s*</g)].map(
      (match) => `${path}: ${match[1]}`,
    );
  });
  expect(wordy).toEqual([]);
});

it('keeps no message that nobody reads', () => {
  const catalogue = sources.find(({ path }) => path === join('messages', 'en.ts'))?.text ?? '';
  const keys = [...catalogue.matchAll(/^ {2}([a-zA-Z0-9]+):/gm)].map((match) => match[1] ?? '');
  expect(keys.length).toBeGreaterThan(150);
  const readers = sources.filter(
    ({ path }) => !path.startsWith('messages') && !path.includes('.test.'),
  );
  const unread = keys.filter(
    (key) => !readers.some(({ text }) => new RegExp(`\\b${key}\\b`).test(text)),
  );
  expect(unread).toEqual([]);
});
