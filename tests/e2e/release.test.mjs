// From gates to a signed-off release and its bundle in the real window, with gates that are
// met or not whatever the model says.

import assert from 'node:assert/strict';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { Key, until } from './window.mjs';
import { SampleWorkspace, finished, openPolicy } from './workspace.mjs';

const NOT_MET = '[gates]\nrecall_min = 0\ncases_per_label_min = 1000\n';
const MET = '[gates]\nrecall_min = 0\nunparsed_max = 1000\n';

const status = (window) => window.text('[data-testid=release-status]');
/** What happens when a person comes back from the editor of the settings file. */
const lookAgain = (window) => window.run(() => window.dispatchEvent(new Event('focus')));

describe('a release', { timeout: 600_000 }, () => {
  let workspace;
  let window;
  before(async () => {
    workspace = await SampleWorkspace.copy();
    await writeFile(workspace.file('touchstone.toml'), NOT_MET);
    window = await workspace.open();
  });
  after(async () => {
    await window?.close();
    await workspace?.remove();
  });

  test('the screen says which gate is not met', async () => {
    await openPolicy(window, 'tobacco');
    await finished(window);
    await window.chord(Key.Control, '5');
    await window.find('[data-testid=gate][data-metric=cases_per_label][data-state=failed]');
    await window.find('[data-testid=gate][data-metric=recall][data-state=passed]');
    assert.match(await status(window), /1 of 2 gates not met/);
    const open = () => !document.querySelector('[data-testid=release-button]').disabled;
    assert.equal(await window.run(open), false);
    await window.screenshot('5-gates');
  });

  test('a gate leads to its cases', async () => {
    const recall = '[data-testid=gate][data-metric=recall] [data-testid=gate-cases]';
    // A model that misses nothing leaves nothing to look at.
    if ((await window.all(recall)).length === 0) return;
    await window.click(recall);
    await window.find('[data-testid=filter-only]');
    const shown = Number(await window.attribute('[data-testid=filter-all]', 'data-count'));
    assert.ok(shown > 0 && shown < 61, `${shown} cases`);
    await window.click('[data-testid=filter-only]');
    await window.chord(Key.Control, '5');
  });

  test('once the gates are met it is signed off and released', async () => {
    await writeFile(workspace.file('touchstone.toml'), MET);
    await lookAgain(window);
    await until('the gates to be met', async () => /Ready/.test(await status(window)));
    const log = await window.run(() => document.querySelector('[data-testid=change-log]').value);
    assert.match(log, /^First release: \d+ clauses, \d+ cases\./);
    await window.click('[data-testid=sign-off-open]');
    await window.type('[data-testid=signer-name]', 'Mara');
    await window.type('[data-testid=signer-role]', 'policy owner');
    await window.click('[data-testid=sign-off-submit]');
    await window.find('[data-testid=sign-off]');
    await window.click('[data-testid=release-button]');
    await window.find('[data-testid=release][data-version="1"]');
    await until('the status to say so', async () => /Released as 1/.test(await status(window)));
    await window.screenshot('6-released');
  });

  test('the release leaves as a bundle', async () => {
    await window.click('[data-testid=export-open]');
    await window.click('[data-testid=export-start]');
    await window.find('[data-testid=export-done]');
    const file = workspace.file('releases', 'tobacco-1.tar.gz');
    assert.ok((await stat(file)).size > 1000);
    // gzip's magic number.
    assert.deepEqual([...(await readFile(file)).subarray(0, 2)], [0x1f, 0x8b]);
    await window.screenshot('7-exported');
  });

  test('the bundle is checked, and comes in under another name', async () => {
    await window.run(() => document.querySelector('[data-testid=export-done] button').click());
    await window.click('[data-testid=bundle-open]');
    await window.type('[data-testid=bundle-file]', workspace.file('releases', 'tobacco-1.tar.gz'));
    await window.click('[data-testid=bundle-verify]');
    await window.find('[data-testid=bundle-report][data-verified=true]');
    await window.screenshot('8-checked');
    await window.type('[data-testid=bundle-name]', 'theirs');
    await window.click('[data-testid=bundle-import]');
    await until('the policy to be listed', async () =>
      (await stat(workspace.file('policies', 'theirs.md')).catch(() => null)) !== null,
    );
  });

  test('it is all there after a restart', async () => {
    await window.close();
    window = await workspace.open();
    await openPolicy(window, 'tobacco');
    await finished(window);
    await window.chord(Key.Control, '5');
    const release = await window.text('[data-testid=release][data-version="1"]');
    assert.match(release, /Mara/);
  });
});
