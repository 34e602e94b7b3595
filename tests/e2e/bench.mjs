// Measures the loop in the real window, and prints one JSON document. From a keystroke
// to the first and the last verdict as they are painted; from the start of the program
// to the first paint and to the first usable table; the memory of all its processes.

import { readFile, readdir, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { SampleWorkspace, caretInLine, finished, openPolicy } from './workspace.mjs';
import { until } from './window.mjs';

const REPEATS = Number(process.env.TOUCHSTONE_REPEATS ?? 5);
// How many of the suite's cases are judged: all of them unless it is said.
const CASES = Number(process.env.TOUCHSTONE_CASES ?? Number.POSITIVE_INFINITY);

/** Proportional memory, in bytes, of the app and its web processes. */
async function memory() {
  let bytes = 0;
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    try {
      const name = (await readFile(`/proc/${pid}/comm`, 'utf8')).trim();
      if (!/^(touchstone-des|WebKitWebProces|WebKitNetworkPr)/.test(name)) continue;
      const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8');
      bytes += 1024 * Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1] ?? 0);
    } catch (error) {
      if (!['ENOENT', 'ESRCH', 'EACCES'].includes(error.code)) throw error;
    }
  }
  return bytes;
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

/** Notes when the next change of the text is followed by verdicts on the screen. */
function observe() {
  const seen = { key_ms: null, first_ms: null, last_ms: null, phase: null, empty: null, done: false };
  globalThis.__seen = seen;
  const now = () => performance.now();
  document.addEventListener('keydown', () => (seen.key_ms ??= now()), { once: true, capture: true });
  let started = false;
  const look = () => {
    if (seen.key_ms !== null) {
      const phase = document.querySelector('[data-testid=run-progress]')?.dataset.phase;
      const cells = [...document.querySelectorAll('[data-testid=case-row] [data-testid=verdict]')];
      const empty = cells.filter((cell) => !cell.dataset.verdict).length;
      // Rows are emptied as the phase becomes this; a late frame may show no empty one.
      Object.assign(seen, { phase: phase ?? null, empty });
      if (empty > 0 || phase === 'running') started = true;
      if (started && seen.first_ms === null && empty < cells.length) seen.first_ms = now();
      if (started && phase === 'finished' && empty === 0) {
        seen.last_ms = now();
        seen.done = true;
        return;
      }
    }
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}

const workspace = await SampleWorkspace.copy();
const suite = workspace.file('fixtures', 'tobacco.jsonl');
const lines = (await readFile(suite, 'utf8')).trimEnd().split('\n');
await writeFile(suite, `${lines.slice(0, CASES).join('\n')}\n`);
const starts = [];
let window;
try {
  for (let at = 0; at < 3; at += 1) {
    const since = Date.now();
    window = await workspace.open();
    await window.find('[data-testid=policy-tab]');
    starts.push({
      usable_ms: Date.now() - since,
      ...(await window.run(() => ({
        page_ms: performance.now(),
        paint_ms: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null,
      }))),
    });
    if (at < 2) await window.close();
  }
  await openPolicy(window, 'tobacco');
  await finished(window);
  const edits = [];
  for (let at = 0; at < REPEATS; at += 1) {
    await caretInLine(window, 'T1 ');
    await window.run(observe);
    // A word that no earlier revision had, so that nothing is taken from the cache.
    await window.write(String.fromCharCode(97 + at));
    console.error(`edit ${at + 1} of ${REPEATS}`);
    let seen;
    const ended = async () => {
      seen = await window.run(() => globalThis.__seen);
      return seen.done;
    };
    await until('the last verdict', ended, 60_000).catch((error) => {
      throw new Error(`edit ${at + 1}: seen ${JSON.stringify(seen)}`, { cause: error });
    });
    const arrived = await window.run(() =>
      Object.fromEntries(
        ['first', 'last'].map((which) => [
          which,
          performance.getEntriesByName(`touchstone:${which}`)[0]?.startTime ?? null,
        ]),
      ),
    );
    edits.push({
      first_ms: seen.first_ms - seen.key_ms,
      last_ms: seen.last_ms - seen.key_ms,
      first_paint_ms: seen.first_ms - arrived.first,
      last_paint_ms: seen.last_ms - arrived.last,
    });
  }
  const result = {
    machine: { cpu: cpus()[0].model, threads: cpus().length },
    cases: Number(await window.attribute('[data-testid=filter-all]', 'data-count')),
    start_usable_ms: median(starts.map((start) => start.usable_ms)),
    start_paint_ms: median(starts.map((start) => start.paint_ms ?? Number.NaN)),
    key_to_first_verdict_ms: median(edits.map((edit) => edit.first_ms)),
    key_to_last_verdict_ms: median(edits.map((edit) => edit.last_ms)),
    arrival_to_first_verdict_ms: median(edits.map((edit) => edit.first_paint_ms)),
    arrival_to_last_verdict_ms: median(edits.map((edit) => edit.last_paint_ms)),
    memory_bytes: await memory(),
    starts,
    edits,
  };
  console.log(JSON.stringify(result, null, 2));
} finally {
  await window?.close();
  await workspace.remove();
}
