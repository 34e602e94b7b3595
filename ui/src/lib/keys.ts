// Key names as people read them, and whether a key press is one.

/** `Ctrl+Shift+K`, `Alt+1`, `F8`, `?`, `Delete`. On a Mac, Ctrl means ⌘. */
export function pressed(event: KeyboardEvent, keys: string): boolean {
  const parts = keys.split('+');
  const key = parts.pop() ?? '';
  const wanted = new Set(parts);
  const control = event.ctrlKey || event.metaKey;
  if (control !== wanted.has('Ctrl') || event.altKey !== wanted.has('Alt')) return false;
  // A character such as `?` already says whether Shift was held.
  const named = key.length > 1 || wanted.size > 0;
  if (named && event.shiftKey !== wanted.has('Shift')) return false;
  return event.key.toLowerCase() === key.toLowerCase();
}

/** Where letters are text, they are no shortcuts. */
export function typing(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName);
}

const mac = typeof navigator !== 'undefined' && /Mac/.test(navigator.platform);

export function keyCaps(keys: string): string[] {
  const names: Record<string, string> = mac
    ? { Ctrl: '⌘', Alt: '⌥', Shift: '⇧', ArrowUp: '↑', ArrowDown: '↓', Escape: 'esc' }
    : {
        ArrowUp: '↑',
        ArrowDown: '↓',
        Escape: 'Esc',
        PageDown: 'PgDn',
        PageUp: 'PgUp',
        Delete: 'Del',
      };
  return keys.split('+').map((key) => names[key] ?? key);
}
