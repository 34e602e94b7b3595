// The studio's real window, driven over the W3C WebDriver protocol. WebKitWebDriver
// starts the app itself and speaks plain HTTP and JSON, so no client library is needed.
// The window opens on the display that DISPLAY names.

import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const ELEMENT = 'element-6066-11e4-a52e-4f735466cecf';
const PATIENCE_MS = 30_000;

/** Keys that have no character of their own, as WebDriver names them. */
export const Key = {
  Control: '\uE009',
  Shift: '\uE008',
  Enter: '\uE007',
  Escape: '\uE00C',
  Backspace: '\uE003',
  Delete: '\uE017',
  Home: '\uE011',
  End: '\uE010',
  Down: '\uE015',
  Up: '\uE013',
};

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Waits until `look` gives something, and returns that. Names what was awaited on failure. */
export async function until(what, look, patienceMs = PATIENCE_MS) {
  const end = Date.now() + patienceMs;
  let last;
  for (;;) {
    try {
      const found = await look();
      if (found) return found;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) {
      throw new Error(`waited ${patienceMs} ms for: ${what}`, { cause: last });
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Drivers whose groups still run; ended with this process, however it ends. */
const running = new Set();

function endGroup(driver) {
  running.delete(driver);
  try {
    process.kill(-driver.pid, 'SIGTERM');
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

process.on('exit', () => running.forEach(endGroup));
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

export class StudioWindow {
  #driver;
  #base;
  #session;

  /**
   * Opens `binary` on `args` with the folders in `env` for what it remembers.
   * The driver and the app share a process group of their own, ended in `close`:
   * the app can outlive the driver.
   */
  static async open({ binary, args = [], env = {} }) {
    const window = new StudioWindow();
    const port = await freePort();
    // WebKitWebDriver (2.50) may wait for ever for the picture of a page drawn without compositing.
    const drawing = process.env.TOUCHSTONE_SCREENSHOTS ? { WEBKIT_DISABLE_COMPOSITING_MODE: '0' } : {};
    window.#driver = spawn('WebKitWebDriver', [`--port=${port}`], {
      detached: true,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, ...drawing, ...env, TAURI_WEBVIEW_AUTOMATION: 'true' },
    });
    running.add(window.#driver);
    window.#base = `http://127.0.0.1:${port}`;
    await until('WebKitWebDriver to listen', async () => (await fetch(`${window.#base}/status`)).ok);
    const alwaysMatch = { 'webkitgtk:browserOptions': { binary, args } };
    const { sessionId } = await window.#call('POST', '/session', { capabilities: { alwaysMatch } });
    window.#session = `/session/${sessionId}`;
    return window;
  }

  async #call(method, path, body) {
    const response = await fetch(`${this.#base}${path}`, {
      method,
      body: method === 'POST' ? JSON.stringify(body ?? {}) : undefined,
    });
    const { value } = await response.json();
    if (!response.ok) throw new Error(`${method} ${path}: ${value.error}: ${value.message}`);
    return value;
  }

  #in(method, path, body) {
    return this.#call(method, `${this.#session}${path}`, body);
  }

  /** Ends the session as closing the window does, then whatever is left of the group. */
  async close() {
    try {
      if (this.#session) await this.#in('DELETE', '');
    } finally {
      const ended = new Promise((resolve) => this.#driver.once('exit', resolve));
      endGroup(this.#driver);
      await ended;
    }
  }

  /** Runs a function's source in the page. Arguments and result are JSON. */
  run(script, ...args) {
    const body = typeof script === 'function' ? `return (${script}).apply(null, arguments)` : script;
    return this.#in('POST', '/execute/sync', { script: body, args });
  }

  async all(selector) {
    const found = await this.#in('POST', '/elements', { using: 'css selector', value: selector });
    return found.map((element) => element[ELEMENT]);
  }

  /** The first element that matches, once there is one. */
  async find(selector, patienceMs = PATIENCE_MS) {
    return until(`an element ${selector}`, async () => (await this.all(selector))[0], patienceMs);
  }

  async click(selector) {
    await until(`a click on ${selector}`, async () => {
      const element = await this.find(selector);
      await this.#in('POST', `/element/${element}/click`);
      return true;
    });
  }

  /** Clicks at a place of the page, in its own pixels. */
  async clickAt(x, y) {
    const actions = [
      { type: 'pointerMove', x, y, duration: 0, origin: 'viewport' },
      { type: 'pointerDown', button: 0 },
      { type: 'pointerUp', button: 0 },
    ];
    const pointer = { type: 'pointer', id: 'mouse', parameters: { pointerType: 'mouse' }, actions };
    await this.#in('POST', '/actions', { actions: [pointer] });
  }

  /**
   * The elements that match and whose middle is not hidden by another, as rows under a
   * table's heading are: where they are, and their data attributes.
   */
  async inSight(selector) {
    return this.run((wanted) => {
      const seen = [];
      for (const element of document.querySelectorAll(wanted)) {
        const box = element.getBoundingClientRect();
        const [x, y] = [Math.round(box.x + box.width / 2), Math.round(box.y + box.height / 2)];
        if (element.contains(document.elementFromPoint(x, y))) {
          seen.push({ x, y, data: { ...element.dataset } });
        }
      }
      return seen;
    }, selector);
  }

  /** Clicks the first element in sight that matches. */
  async clickSeen(selector) {
    const seen = await until(`${selector} in sight`, async () => (await this.inSight(selector))[0]);
    await this.clickAt(seen.x, seen.y);
  }

  /** The visible text of the first element that matches. */
  async text(selector) {
    const element = await this.find(selector);
    return this.#in('GET', `/element/${element}/text`);
  }

  /** Waits until the text of `selector` passes `test`, and returns it. */
  textWhere(selector, test, what, patienceMs) {
    return until(`${selector} to ${what}`, async () => {
      const text = await this.text(selector);
      return test(text) ? text || ' ' : undefined;
    }, patienceMs);
  }

  async type(selector, text) {
    const element = await this.find(selector);
    await this.#in('POST', `/element/${element}/value`, { text });
  }

  /** Presses keys one after the other where the focus is, holding those before the last. */
  async chord(...keys) {
    const held = keys.slice(0, -1);
    const last = keys.at(-1);
    const actions = [
      ...held.map((value) => ({ type: 'keyDown', value })),
      { type: 'keyDown', value: last },
      { type: 'keyUp', value: last },
      ...held.toReversed().map((value) => ({ type: 'keyUp', value })),
    ];
    await this.#in('POST', '/actions', { actions: [{ type: 'key', id: 'keyboard', actions }] });
  }

  /** Types text where the focus is, one key after the other. */
  async write(text) {
    const actions = [...text].flatMap((character) => {
      const value = character === '\n' ? Key.Enter : character;
      return [
        { type: 'keyDown', value },
        { type: 'keyUp', value },
      ];
    });
    await this.#in('POST', '/actions', { actions: [{ type: 'key', id: 'keyboard', actions }] });
  }

  /** An attribute of the first element that matches; null where it has none. */
  attribute(selector, name) {
    return this.run((at, key) => document.querySelector(at)?.getAttribute(key) ?? null, selector, name);
  }

  async resize(width, height) {
    await this.#in('POST', '/window/rect', { width, height });
  }

  title() {
    return this.#in('GET', '/title');
  }

  /** Saves the page's picture into the folder that TOUCHSTONE_SCREENSHOTS names, if any. */
  async screenshot(name) {
    const folder = process.env.TOUCHSTONE_SCREENSHOTS;
    if (!folder) return;
    await mkdir(folder, { recursive: true });
    const picture = await this.#in('GET', '/screenshot');
    await writeFile(join(folder, `${name}.png`), Buffer.from(picture, 'base64'));
  }
}
