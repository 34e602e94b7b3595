// The message catalogue in the chosen language. `i18n.m` is reactive: what reads it
// is drawn again when the language changes.

import { en, type Messages } from './en';
import { zh } from './zh';

export type Language = 'en' | 'zh';

const catalogues: Record<Language, Messages> = { en, zh };
const tags: Record<Language, string> = { en: 'en', zh: 'zh-Hans' };

class I18n {
  language = $state<Language>('en');
  readonly m = $derived(catalogues[this.language]);
  readonly tag = $derived(tags[this.language]);
}

export const i18n = new I18n();
