// Compare, Coverage and History in the real window, whatever the model says: two runs of an
// edited policy side by side, clauses by cases, and traces found by what they say.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { Key, until } from './window.mjs';
import { SampleWorkspace, caretInLine, finished, openPolicy } from './workspace.mjs';

const count = async (window, selector) =>
  Number(await window.attribute(selector, 'data-count'));

describe('the screens', { timeout: 600_000 }, () => {
  let workspace;
  let window;
  before(async () => {
    workspace = await SampleWorkspace.copy();
    window = await workspace.open();
    await openPolicy(window, 'tobacco');
    await finished(window);
    await caretInLine(window, 'T1 ');
    await window.chord('\uE00A', 'l');
    await window.write('T1 Offers to sell, trade or ship vaping products.\n');
    await until(
      'flips',
      async () => (await count(window, '[data-testid=flips-count]')) > 0,
      120_000,
    );
    await finished(window);
  });
  after(async () => {
    await window?.close();
    await workspace?.remove();
  });

  test('two runs stand side by side with the edit and its flips', async () => {
    const flips = await count(window, '[data-testid=flips-count]');
    await window.chord(Key.Control, '2');
    await until('the flips', async () => {
      return (await count(window, '[data-testid=compare-flips-count]')) === flips;
    });
    assert.match(await window.text('[data-testid=hunk]'), /vaping products/);
    assert.equal((await window.all('[data-testid=confusion]')).length, 2);
    const first = await window.attribute('[data-testid=compare-flip]', 'data-case');
    await until('both rationales', async () => {
      return (await window.attribute('[data-testid=compare-traces]', 'data-case')) === first;
    });
    await window.screenshot('8-compare');
    await window.click('[data-testid=compare-open]');
    await window.find(`[data-testid=trace][data-case="${first}"]`);
  });

  test('flips are tested by themselves, and causes and clauses are found on demand', async () => {
    const tested = async () =>
      (await window.attribute('[data-testid=evidence]', 'data-certainty')) !== null &&
      (await window.all('[data-testid=task]')).length === 0 &&
      /pair|form/.test(await window.text('[data-testid=evidence]'));
    await until('the flips to be tested', tested, 120_000);
    await window.run(() => document.querySelector('[data-focus=cases]').focus());
    await window.chord('c');
    assert.match(await window.text('[data-testid=cause-hunk]'), /T1/);
    await window.find('.cm-cause');
    await window.chord('s');
    await window.find('[data-testid=ablation]');
    await window.screenshot('8-found');
    await window.chord(Key.Control, '2');
    // Nothing is left to ask where there was one flip.
    if ((await window.all('[data-testid=find-causes]')).length > 0) {
      await window.click('[data-testid=find-causes]');
    }
    await until('all causes', async () => (await window.all('[data-testid=find-causes]')).length === 0);
    // The edit has one hunk: it caused every flip.
    const caused = await window.text('[data-testid=caused-flips]');
    const flips = await count(window, '[data-testid=compare-flips-count]');
    assert.match(caused, new RegExp(`\\b${flips}\\b`));
  });

  test('the map of clauses by cases is walked by key', async () => {
    await window.chord(Key.Control, '3');
    await window.find('[data-testid=heat-map]');
    const drawn = () => {
      const canvas = document.querySelector('[data-testid=heat-map] canvas');
      const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
      return pixels.some((value) => value > 0);
    };
    await until('the map to be drawn', () => window.run(drawn));
    await window.run(() => document.querySelector('[data-testid=heat-map]').focus());
    await window.chord(Key.Down);
    const clauses = await window.run(() =>
      [...document.querySelectorAll('[data-testid=coverage-clause]')].map(
        (clause) => clause.dataset.clause,
      ),
    );
    assert.equal(await window.attribute('[data-testid=heat-map]', 'data-row'), clauses[1]);
    const standings = await window.run(() =>
      [...document.querySelectorAll('[data-testid^=standing-]')].map((group) =>
        Number(group.dataset.count),
      ),
    );
    assert.equal(
      standings.reduce((sum, n) => sum + n, 0),
      clauses.length,
    );
    await window.screenshot('9-coverage');
    await window.chord('c');
    await window.find('[data-testid=editor]');
  });

  test('a trace is found by what it says, and opens', async () => {
    await window.chord(Key.Control, '4');
    await window.find('[data-testid=curves] svg');
    await window.type('[data-testid=search-text]', 'tobacco');
    await window.find('[data-testid=search-hit]');
    assert.match(await window.text('[data-testid=search-hit] mark'), /tobacco/i);
    await window.find('[data-testid=group]');
    await window.screenshot('10-history');
    const hit = await window.attribute('[data-testid=search-hit]', 'data-case');
    await window.click('[data-testid=search-hit]');
    await window.find(`[data-testid=trace][data-case="${hit}"]`);
  });

  test('what was exported is a table on the disk', async () => {
    const rows = await window.run(() =>
      window.__TAURI_INTERNALS__.invoke('export_csv', {
        of: { kind: 'runs', policy: 'tobacco' },
        out: 'runs.csv',
      }),
    );
    void rows;
    const text = await until('the file', () => readFile(workspace.file('runs.csv'), 'utf8'));
    assert.match(text, /^run,started_at,/);
    assert.equal(text.trim().split('\n').length, 3);
  });
});
