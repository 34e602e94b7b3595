// What a person chose about the window itself; kept on this machine between starts.

import { i18n, type Language } from '../messages/index.svelte';

export type Theme = 'system' | 'light' | 'dark';

/** Who signed off last here; offered again the next time. */
export type Signer = { name: string; role: string; key: string };

type Stored = {
  theme: Theme;
  language: Language;
  editorShare: number;
  traceShare: number;
  signer: Signer;
  confirmFlips: boolean;
};

const KEY = 'touchstone.preferences';

function systemLanguage(): Language {
  return navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en';
}

function load(): Stored {
  const fallback: Stored = {
    theme: 'system',
    language: systemLanguage(),
    editorShare: 0.4,
    traceShare: 0.42,
    signer: { name: '', role: '', key: '' },
    confirmFlips: true,
  };
  try {
    return { ...fallback, ...(JSON.parse(localStorage.getItem(KEY) ?? '{}') as Partial<Stored>) };
  } catch {
    return fallback;
  }
}

class Preferences {
  #stored = load();
  theme = $state<Theme>(this.#stored.theme);
  editorShare = $state(this.#stored.editorShare);
  traceShare = $state(this.#stored.traceShare);
  signer = $state.raw<Signer>(this.#stored.signer);
  /** Flips are tested by themselves once a run has ended. */
  confirmFlips = $state(this.#stored.confirmFlips);

  constructor() {
    i18n.language = this.#stored.language;
    this.#apply();
  }

  setTheme(theme: Theme) {
    this.theme = theme;
    this.#apply();
  }

  toggleTheme() {
    const dark =
      this.theme === 'dark' ||
      (this.theme === 'system' && matchMedia('(prefers-color-scheme: dark)').matches);
    this.setTheme(dark ? 'light' : 'dark');
  }

  setLanguage(language: Language) {
    i18n.language = language;
    this.#apply();
  }

  setEditorShare(share: number) {
    this.editorShare = Math.min(0.7, Math.max(0.2, share));
    this.#keep();
  }

  setTraceShare(share: number) {
    this.traceShare = Math.min(0.75, Math.max(0.12, share));
    this.#keep();
  }

  setSigner(signer: Signer) {
    this.signer = signer;
    this.#keep();
  }

  setConfirmFlips(confirm: boolean) {
    this.confirmFlips = confirm;
    this.#keep();
  }

  #apply() {
    const root = document.documentElement;
    if (this.theme === 'system') delete root.dataset.theme;
    else root.dataset.theme = this.theme;
    root.lang = i18n.tag;
    this.#keep();
  }

  #keep() {
    const stored: Stored = {
      theme: this.theme,
      language: i18n.language,
      editorShare: this.editorShare,
      traceShare: this.traceShare,
      signer: this.signer,
      confirmFlips: this.confirmFlips,
    };
    try {
      localStorage.setItem(KEY, JSON.stringify(stored));
    } catch {
      // A full or forbidden store costs only the memory of a preference.
    }
  }
}

export const preferences = new Preferences();
