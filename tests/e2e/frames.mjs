// Measures frames of the cases table at 100,000 rows in the real window, and prints one JSON
// document: scrolling, typing into the filter, switching filters, sorting. A frame is from
// one animation frame to the next; the work is what scripts and layout took of it, and the
// rest is painting, or waiting. Two steps without any script tell what that rest costs on
// this machine: frames in which nothing happens, and frames in which the table's text is
// painted in another colour.
// TOUCHSTONE_CLI names the program that imports the cases.

import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { SampleWorkspace, openPolicy, root } from './workspace.mjs';
import { Key, until } from './window.mjs';

const CASES = Number(process.env.TOUCHSTONE_CASES ?? 100_000);
const run = promisify(execFile);

/** The same cases each time: sentences of some words, a third of them expected to violate. */
function table() {
  const words = 'sells cigars museum pipe weather offer price contact history snuff vape photo'.split(' ');
  let seed = 7;
  const next = (n) => (seed = (seed * 48_271) % 2_147_483_647) % n;
  const lines = ['id,content,expected,tags'];
  for (let at = 0; at < CASES; at += 1) {
    const text = Array.from({ length: 6 + next(12) }, () => words[next(words.length)]).join(' ');
    lines.push(`case-${at},${text},${next(3) ? 'safe' : 'violates'},${words[next(words.length)]}`);
  }
  return lines.join('\n');
}

/**
 * Does a kind of step `steps` times, each followed by `rest` frames in which the page goes on
 * with what it did not do at once. Tells of all frames, of the work of the steps, and of how
 * long after a step the table was last drawn.
 */
async function frames(window, kind, steps, { values = [], rest = 0 } = {}) {
  await window.run(
    (kind, values, count, rest) => {
      // The page's content policy forbids making functions of text, so the steps are here.
      const cases = () => document.querySelector('[data-testid=cases]');
      const act = {
        idle: () => undefined,
        repaint: (at) => (cases().style.color = at % 2 ? '' : 'rgb(1 2 3)'),
        wheel: () => (cases().scrollTop += 90),
        scroll: (at) => (cases().scrollTop = at * 911),
        jump: (at) => (cases().scrollTop = (at % 2) * cases().scrollHeight),
        type: (at) => {
          const field = document.querySelector('[data-testid=filter-text]');
          field.value = values[at];
          field.dispatchEvent(new Event('input', { bubbles: true }));
        },
        click: (at) => document.querySelector(values[at % values.length]).click(),
        down: () =>
          cases().dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowDown', bubbles: true })),
      }[kind];
      const out = { done: false, frames: [], work: [], shown: [] };
      globalThis.__frames = out;
      let at = 0;
      let last = null;
      let resting = 0;
      let acted = 0;
      let drawn = 0;
      const observer = new MutationObserver(() => (drawn = performance.now()));
      observer.observe(cases(), { subtree: true, attributes: true, childList: true });
      const tick = (now) => {
        if (last !== null) out.frames.push(now - last);
        last = now;
        if (resting > 0) {
          resting -= 1;
          requestAnimationFrame(tick);
          return;
        }
        if (at > 0) out.shown.push(Math.max(0, drawn - acted));
        if (at === count) {
          observer.disconnect();
          out.done = true;
          return;
        }
        const since = performance.now();
        acted = since;
        resting = rest;
        act(at);
        at += 1;
        // A message comes after the microtasks in which the page is drawn anew; reading a
        // box makes the layout part of the work.
        const channel = new MessageChannel();
        channel.port1.onmessage = () => {
          document.querySelector('[data-testid=cases]')?.getBoundingClientRect();
          out.work.push(performance.now() - since);
          requestAnimationFrame(tick);
        };
        channel.port2.postMessage(0);
      };
      requestAnimationFrame(tick);
    },
    kind,
    values,
    steps,
    rest,
  );
  const seen = await until(
    'the frames',
    () => window.run(() => (globalThis.__frames.done ? globalThis.__frames : null)),
    180_000,
  );
  const at = (values, share) =>
    Math.round(10 * values.toSorted((a, b) => a - b)[Math.floor(share * (values.length - 1))]) / 10;
  const told = (values) => ({ median: at(values, 0.5), p95: at(values, 0.95), longest: at(values, 1) });
  const result = { steps, frame_ms: told(seen.frames), work_ms: told(seen.work) };
  return rest === 0 ? result : { ...result, shown_after_ms: told(seen.shown) };
}

const TEXTS = ['m', 'mu', 'mus', 'muse', 'museum', 'museum p', 'museum pi', 'museum', ''];
const KINDS = ['wrong', 'near', 'all'].map((kind) => `[data-testid=filter-${kind}]`);
const heading = (at) => [`[data-testid=cases] [role=columnheader]:nth-child(${at}) button`];

const workspace = await SampleWorkspace.copy();
let window;
try {
  const csv = join(workspace.base, 'cases.csv');
  await writeFile(csv, table());
  const cli = process.env.TOUCHSTONE_CLI ?? join(root, 'target/debug/touchstone');
  const since = Date.now();
  const args = ['import', csv, '-o', 'spam', '--replace', '--workspace', workspace.folder, '--json'];
  const { stdout } = await run(cli, args, { maxBuffer: 1 << 26 });
  const import_ms = Date.now() - since;
  const { imported } = JSON.parse(stdout);
  window = await workspace.open();
  const opening = Date.now();
  await openPolicy(window, 'spam');
  const listed = async () => Number(await window.attribute('[data-testid=filter-all]', 'data-count'));
  await until('the cases', async () => (await listed()) === imported, 180_000);
  const open_ms = Date.now() - opening;
  // Nothing is judged while frames are measured.
  await until(
    'the run to stop',
    async () => {
      await window.chord(Key.Escape);
      const phase = await window.attribute('[data-testid=run-progress]', 'data-phase');
      return phase !== 'running' && phase !== 'waiting';
    },
    180_000,
  );
  const result = {
    machine: { cpu: cpus()[0].model, threads: cpus().length },
    imported,
    import_ms,
    open_ms,
    idle: await frames(window, 'idle', 60),
    repaint: await frames(window, 'repaint', 60),
    wheel: await frames(window, 'wheel', 120),
    scroll: await frames(window, 'scroll', 120),
    jump: await frames(window, 'jump', 20),
    filter_text: await frames(window, 'type', TEXTS.length, { values: TEXTS, rest: 40 }),
    filter_kind: await frames(window, 'click', 9, { values: KINDS, rest: 20 }),
    sort_expected: await frames(window, 'click', 6, { values: heading(2), rest: 40 }),
    sort_case: await frames(window, 'click', 6, { values: heading(4), rest: 60 }),
    select: await frames(window, 'down', 60),
  };
  console.log(JSON.stringify(result, null, 2));
} finally {
  await window?.close();
  await workspace.remove();
}
