// A copy of the sample workspace in a folder of its own, and what the window remembers
// beside it, so that a test touches neither the repository nor the person's settings.

import { cp, mkdtemp, mkdir, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { StudioWindow, until } from './window.mjs';

export const root = resolve(import.meta.dirname, '../..');

export class SampleWorkspace {
  static async copy() {
    const made = new SampleWorkspace();
    made.base = await mkdtemp(join(tmpdir(), 'touchstone-e2e-'));
    made.folder = join(made.base, 'sample');
    for (const [part, ending] of [
      ['policies', '.md'],
      ['fixtures', '.jsonl'],
    ]) {
      await mkdir(join(made.folder, part), { recursive: true });
      for (const name of await readdir(join(root, part))) {
        if (name.endsWith(ending)) await cp(join(root, part, name), join(made.folder, part, name));
      }
    }
    return made;
  }

  file(...parts) {
    return join(this.folder, ...parts);
  }

  /** Opens the window on this workspace. `TOUCHSTONE_BINARY` names the app. */
  async open() {
    const binary = process.env.TOUCHSTONE_BINARY ?? join(root, 'target/debug/touchstone-desktop');
    const env = {
      XDG_CONFIG_HOME: join(this.base, 'config'),
      XDG_DATA_HOME: join(this.base, 'data'),
      XDG_CACHE_HOME: join(this.base, 'cache'),
      TOUCHSTONE_PEBBLE: process.env.TOUCHSTONE_PEBBLE ?? join(root, 'fixtures/pebble'),
    };
    const window = await StudioWindow.open({ binary, args: [this.folder], env });
    await window.resize(1440, 900);
    return window;
  }

  remove() {
    return rm(this.base, { recursive: true, force: true });
  }
}

/** Brings a policy's tab to the front. */
export async function openPolicy(window, name) {
  const tab = `[data-testid=policy-tab][data-policy="${name}"]`;
  await window.click(tab);
  await until(`the tab ${name} to be in front`, async () => {
    return (await window.attribute(tab, 'aria-selected')) === 'true';
  });
}

/** Waits until the run on show has finished and every drawn row has its verdict. */
export function finished(window, patienceMs = 120_000) {
  return until(
    'the run to finish',
    () =>
      window.run(() => {
        const phase = document.querySelector('[data-testid=run-progress]')?.dataset.phase;
        const verdicts = [...document.querySelectorAll('[data-testid=case-row] [data-testid=verdict]')];
        const judged = verdicts.length > 0 && verdicts.every((cell) => cell.dataset.verdict);
        return judged && (phase === 'finished' || phase === 'idle');
      }),
    patienceMs,
  );
}

/** The text in the editor: only the lines that are drawn, which is all of a short policy. */
export function editorText(window) {
  return window.run(() =>
    [...document.querySelectorAll('[data-testid=editor] .cm-line')]
      .map((line) => line.textContent)
      .join('\n'),
  );
}

/** Puts the caret into the editor's line that begins with `start`. */
export async function caretInLine(window, start) {
  const place = await window.run((text) => {
    const lines = [...document.querySelectorAll('[data-testid=editor] .cm-line')];
    const line = lines.find((candidate) => candidate.textContent.startsWith(text));
    line?.scrollIntoView({ block: 'nearest' });
    if (!line) return null;
    const box = line.getBoundingClientRect();
    return { x: Math.round(box.x + 40), y: Math.round(box.y + 8) };
  }, start);
  if (!place) throw new Error(`the editor has no line that begins with ${start}`);
  await window.clickAt(place.x, place.y);
}
