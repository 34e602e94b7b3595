// The page in a real browser on the simulated back end: pictures in both themes and
// languages, and what jsdom cannot measure. Pictures go to the folder named by the
// first argument.
//
//     npm run breadth -- pictures/

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { createServer } from 'vite';

const folder = process.argv[2] ?? 'pictures';
mkdirSync(folder, { recursive: true });

const server = await createServer({ mode: 'simulated', server: { port: 5199 }, logLevel: 'error' });
await server.listen();
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox'],
});

async function open(query, theme, locale, size = { width: 1440, height: 900 }) {
  const page = await browser.newPage({ viewport: size, colorScheme: theme, locale });
  const complaints = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  await page.goto(`http://localhost:5199/${query}`);
  await page.waitForSelector('[data-testid=run-progress][data-phase=finished]', {
    timeout: 60_000,
  });
  return { page, complaints };
}

/** Elements whose text is cut without an ellipsis, and pages wider than their window. */
const overflowing = () => {
  const wide = document.documentElement.scrollWidth > window.innerWidth;
  const cut = [...document.querySelectorAll('button, header, footer, .strip')].filter(
    (element) =>
      element.scrollWidth > element.clientWidth + 1 &&
      getComputedStyle(element).overflowX === 'visible' &&
      element.clientWidth > 0 &&
      !element.closest('.cm-editor, [role=tablist]'),
  );
  return { wide, cut: cut.map((element) => element.outerHTML.slice(0, 120)) };
};

async function edit(page) {
  await page.locator('.cm-line', { hasText: 'T4 History' }).click();
  await page.keyboard.press('End');
  await page.keyboard.type(' Unless a price or contact is given.');
  await page.waitForSelector('[data-testid=group-flips]', { timeout: 60_000 });
}

try {
  for (const theme of ['light', 'dark']) {
    for (const locale of ['en-GB', 'zh-CN']) {
      const { page, complaints } = await open('?ms=5', theme, locale);
      await edit(page);
      await page.waitForTimeout(200);
      await page.screenshot({ path: join(folder, `workbench-${theme}-${locale}.png`) });
      assert.deepEqual(await page.evaluate(overflowing), { wide: false, cut: [] });
      assert.deepEqual(complaints, []);
      assert.ok(await page.locator('[data-testid=group-flips]').isVisible());
      await page.close();
    }
  }
  for (const size of [
    { width: 1100, height: 700 },
    { width: 1920, height: 1200 },
  ]) {
    const { page } = await open('?ms=5', 'dark', 'en-GB', size);
    await page.screenshot({ path: join(folder, `workbench-${size.width}.png`) });
    assert.deepEqual(await page.evaluate(overflowing), { wide: false, cut: [] });
    await page.close();
  }

  // A hundred thousand cases scroll without long frames.
  const { page } = await open('?ms=0&cases=100000', 'light', 'en-GB');
  const frames = await page.evaluate(async () => {
    const table = document.querySelector('[data-testid=cases]');
    const times = [];
    let last = performance.now();
    for (let step = 0; step < 90; step++) {
      table.scrollTop = (step / 90) * table.scrollHeight;
      await new Promise((resolve) => requestAnimationFrame(resolve));
      const now = performance.now();
      times.push(now - last);
      last = now;
    }
    return {
      times: times.sort((a, b) => a - b),
      rows: table.querySelectorAll('[data-testid=case-row]').length,
    };
  });
  const median = frames.times[45];
  const slow = frames.times[85];
  console.log(
    `100,000 cases: ${frames.rows} rows drawn, frame ${median.toFixed(1)} ms median, ${slow.toFixed(1)} ms at 95 %`,
  );
  assert.ok(frames.rows < 80);
  await page.close();
  console.log(`pictures are in ${folder}`);
} finally {
  await browser.close();
  await server.close();
}
