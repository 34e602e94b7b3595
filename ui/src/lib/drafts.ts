// Unsaved text outlives the window. A draft remembers which bytes on disk it began
// from, so that a file changed in the meantime is noticed and never overwritten.

export type Draft = { hash: string; text: string };

const key = (root: string, policy: string) => `touchstone.draft:${root}:${policy}`;

export function readDraft(root: string, policy: string): Draft | null {
  try {
    const draft = JSON.parse(localStorage.getItem(key(root, policy)) ?? 'null') as Draft | null;
    return draft && typeof draft.text === 'string' && typeof draft.hash === 'string' ? draft : null;
  } catch {
    return null;
  }
}

export function keepDraft(root: string, policy: string, draft: Draft): void {
  try {
    localStorage.setItem(key(root, policy), JSON.stringify(draft));
  } catch {
    // The text is still in the editor, and the tab still says that it is unsaved.
  }
}

export function dropDraft(root: string, policy: string): void {
  localStorage.removeItem(key(root, policy));
}
