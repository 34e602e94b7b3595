// Pictures of the real window for the docs: the workbench after an edit, the runs compared,
// the coverage, the history, and the release screen, in the dark and in the light. TOUCHSTONE_SCREENSHOTS names the folder.

import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { SampleWorkspace, caretInLine, finished, openPolicy, root } from './workspace.mjs';
import { Key, until } from './window.mjs';

const workspace = await SampleWorkspace.copy();
let window = await workspace.open();

async function pictures(name) {
  for (const theme of ['dark', 'light']) {
    await window.run((chosen) => {
      document.documentElement.dataset.theme = chosen;
    }, theme);
    await new Promise((resolve) => setTimeout(resolve, 400));
    await window.screenshot(`${name}-${theme}`);
  }
}

try {
  await openPolicy(window, 'tobacco');
  await finished(window);
  await caretInLine(window, 'T1 ');
  await window.chord('\uE00A', 'l');
  await window.write('T1 Offers to sell, trade or ship vaping products.\n');
  await until('flips', async () => {
    return Number(await window.attribute('[data-testid=flips-count]', 'data-count')) > 0;
  }, 120_000);
  await finished(window);
  await window.clickSeen('[data-testid=case-row]:not([data-flip=""])');
  await window.find('[data-testid=trace-diff]');
  const idle = async () => (await window.all('[data-testid=task]')).length === 0;
  await until('the flips to be tested', idle, 120_000);
  await window.run(() => document.querySelector('[data-focus=cases]').focus());
  await window.chord('c');
  await window.find('[data-testid=cause-hunk]');
  await window.chord('s');
  await window.find('[data-testid=ablation]');
  await pictures('workbench');
  await window.chord(Key.Control, '2');
  await window.find('[data-testid=compare-flip]');
  await window.click('[data-testid=find-causes]');
  await window.find('[data-testid=caused-flips]');
  await pictures('compare');
  await window.chord(Key.Control, '3');
  await window.find('[data-testid=heat-map]');
  await window.click('[data-testid=order-clause]');
  await pictures('coverage');
  await window.chord(Key.Control, '4');
  await window.find('[data-testid=curves] svg');
  await window.type('[data-testid=search-text]', 'sale');
  await window.find('[data-testid=search-count]');
  await pictures('history');
  await window.chord(Key.Control, '1');
  await cp(join(root, 'touchstone.toml'), workspace.file('touchstone.toml'));
  await openPolicy(window, 'tobacco');
  await finished(window);
  await window.chord(Key.Control, '5');
  await window.find('[data-testid=gate]');
  await pictures('release');
} finally {
  await window.close();
  await workspace.remove();
}
