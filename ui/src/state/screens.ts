// The window's screens, once: the top bar lists them, the keyboard and the palette switch
// between them. A new screen is a line here and a component in App.svelte.

import type { IconName } from '../components/Icon.svelte';
import type { Messages } from '../messages/en';

export type Screen = 'workbench' | 'compare' | 'coverage' | 'history' | 'release';

export const SCREENS: readonly {
  id: Screen;
  title: (m: Messages) => string;
  icon: IconName;
  keys: string;
}[] = [
  { id: 'workbench', title: (m) => m.workbench, icon: 'pencil', keys: 'Ctrl+1' },
  { id: 'compare', title: (m) => m.compare, icon: 'compare', keys: 'Ctrl+2' },
  { id: 'coverage', title: (m) => m.coverage, icon: 'grid', keys: 'Ctrl+3' },
  { id: 'history', title: (m) => m.history, icon: 'history', keys: 'Ctrl+4' },
  { id: 'release', title: (m) => m.release, icon: 'seal', keys: 'Ctrl+5' },
];
