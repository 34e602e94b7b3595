// The whole loop in the real window: change a clause, see the flips, read why, follow a
// citation, close, and find it all again. Then the same window on bad input.

import assert from 'node:assert/strict';
import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { until, Key } from './window.mjs';
import { SampleWorkspace, caretInLine, editorText, finished, openPolicy } from './workspace.mjs';

const FLIPPED =
  '[data-testid=case-row]:not([data-flip=""]):has([data-verdict=safe], [data-verdict=violates])';
const CHANGED = 'T1 Offers to sell, trade or ship vaping products.';

const flips = async (window) => Number(await window.attribute('[data-testid=flips-count]', 'data-count'));

describe('the loop', { timeout: 600_000 }, () => {
  let workspace;
  let window;
  before(async () => {
    workspace = await SampleWorkspace.copy();
    window = await workspace.open();
  });
  after(async () => {
    await window?.close();
    await workspace?.remove();
  });

  test('the sample workspace opens and is judged', async () => {
    await openPolicy(window, 'tobacco');
    await finished(window);
    const judged = await window.attribute('[data-testid=filter-all]', 'data-count');
    assert.ok(Number(judged) >= 40, `${judged} cases`);
    await window.screenshot('1-opened');
  });

  let flipped;
  test('changing a clause flips verdicts, and they stand on top', async () => {
    await caretInLine(window, 'T1 ');
    await window.chord('\uE00A', 'l');
    await window.write(`${CHANGED}\n`);
    assert.ok((await editorText(window)).includes(`\n${CHANGED}\n`), await editorText(window));
    assert.equal(await window.attribute('[data-testid=status-saved]', 'data-saved'), 'false');
    await until('flips', async () => (await flips(window)) > 0, 120_000);
    await finished(window);
    flipped = await flips(window);
    const first = await window.attribute('[data-testid=case-row]', 'data-flip');
    assert.notEqual(first, '', 'the first row is a flip');
    const filtered = await window.attribute('[data-testid=filter-flipped]', 'data-count');
    assert.equal(Number(filtered), flipped);
    await window.screenshot('2-flips');
  });

  let opened;
  let trace;
  test('a flip shows its trace, and a citation leads to its clause', async () => {
    await window.click('[data-testid=filter-flipped]');
    const citation = () => `[data-testid=trace][data-case="${opened}"] [data-testid=citation]`;
    let clause = null;
    // Not every trace of a small model names a clause; the first that does is followed.
    for (const { x, y, data } of await window.inSight(FLIPPED)) {
      opened = data.case;
      await window.clickAt(x, y);
      await window.find(`[data-testid=trace][data-case="${opened}"]`);
      await window.find('[data-testid=trace-diff]');
      clause = await window.attribute(citation(), 'data-clause');
      if (clause) break;
    }
    assert.ok(clause, 'no trace of a flip in sight cites a clause');
    trace = await window.text('[data-testid=trace]');
    await window.click(citation());
    const line = await window.text('[data-testid=editor] .cm-flash');
    assert.ok(line.includes(clause), `${clause} led to: ${line}`);
    await window.screenshot('3-citation');
  });

  test('saving writes the file', async () => {
    await window.chord(Key.Control, 's');
    await until('the text to be saved', async () => {
      return (await window.attribute('[data-testid=status-saved]', 'data-saved')) === 'true';
    });
    const text = await readFile(workspace.file('policies', 'tobacco.md'), 'utf8');
    assert.ok(text.includes(`\n${CHANGED}\n`));
  });

  test('after closing and opening again everything is there', async () => {
    await window.close();
    window = await workspace.open();
    await openPolicy(window, 'tobacco');
    await finished(window);
    assert.ok((await editorText(window)).includes(CHANGED));
    await until('the same flips', async () => (await flips(window)) === flipped);
    await window.click('[data-testid=filter-flipped]');
    await window.clickSeen(`[data-testid=case-row][data-case="${opened}"]`);
    await until('the same trace', async () => (await window.text('[data-testid=trace]')) === trace);
    await window.chord(Key.Control, 'h');
    await until('both runs in the history', async () => {
      return (await window.all('[data-testid=history-run]')).length >= 2;
    });
    await window.screenshot('4-reopened');
    await window.chord(Key.Escape);
  });
});

describe('bad input', { timeout: 600_000 }, () => {
  let workspace;
  let window;
  before(async () => {
    workspace = await SampleWorkspace.copy();
  });
  after(async () => {
    await window?.close();
    await workspace?.remove();
  });

  test('a broken suite line is named, and the other cases are judged', async () => {
    await appendFile(workspace.file('fixtures', 'tobacco.jsonl'), '{"id": "broken", \n');
    window = await workspace.open();
    await openPolicy(window, 'tobacco');
    await finished(window);
    const told = await window.text('[data-testid=suite-problems]');
    assert.match(told, /\d/, 'the line is named');
    await window.screenshot('5-broken-line');
  });

  test('an emptied policy says so, and its text comes back with undo', async () => {
    await caretInLine(window, 'T1 ');
    const text = await editorText(window);
    await window.chord(Key.Control, 'a');
    await window.chord(Key.Delete);
    const told = await window.text('[data-testid=policy-problem]');
    assert.match(told, /tobacco\.md/, 'the file is named');
    await window.screenshot('6-emptied');
    await window.chord(Key.Control, 'z');
    await until('the text to be back', async () => (await editorText(window)) === text);
    await until('the problem to be gone', async () => {
      return (await window.all('[data-testid=policy-problem]')).length === 0;
    });
    await openPolicy(window, 'spam');
    await finished(window);
  });

  test('a corrupted database is explained in an open window', async () => {
    await window.close();
    window = undefined;
    await mkdir(workspace.file('.touchstone'), { recursive: true });
    for (const name of ['studio.db', 'studio.db-wal', 'studio.db-shm']) {
      await writeFile(workspace.file('.touchstone', name), 'this was a database once'.repeat(500));
    }
    window = await workspace.open();
    await window.textWhere('#app', (text) => text.includes('studio.db'), 'name the file');
    await window.find('#app button');
    await window.screenshot('7-corrupted');
  });
});
