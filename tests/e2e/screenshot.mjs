// Pictures of the real window for the README: the workbench after an edit, in the dark
// and in the light. TOUCHSTONE_SCREENSHOTS names the folder.

import { SampleWorkspace, caretInLine, finished, openPolicy } from './workspace.mjs';
import { until } from './window.mjs';

const workspace = await SampleWorkspace.copy();
let window = await workspace.open();
try {
  await openPolicy(window, 'harassment');
  await finished(window);
  await caretInLine(window, 'H2.a ');
  await window.chord('\uE00A', 'l');
  await window.write('H2.a Threats to hurt an animal.\n');
  await until('flips', async () => {
    return Number(await window.attribute('[data-testid=flips-count]', 'data-count')) > 0;
  }, 120_000);
  await finished(window);
  await window.clickSeen('[data-testid=case-row]:not([data-flip=""])');
  await window.find('[data-testid=trace-diff]');
  for (const theme of ['dark', 'light']) {
    await window.run((name) => {
      document.documentElement.dataset.theme = name;
    }, theme);
    await new Promise((resolve) => setTimeout(resolve, 400));
    await window.screenshot(`workbench-${theme}`);
  }
} finally {
  await window.close();
  await workspace.remove();
}
