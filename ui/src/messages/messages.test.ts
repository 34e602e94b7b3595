import { describe, expect, it } from 'vitest';
import { en } from './en';
import { zh } from './zh';

const catalogues = { en, zh } as Record<string, Record<string, unknown>>;

describe('the message catalogues', () => {
  it('have the same keys, in the same order', () => {
    expect(Object.keys(zh)).toEqual(Object.keys(en));
  });

  it.each(Object.keys(catalogues))('say something for every key in %s', (language) => {
    for (const [key, message] of Object.entries(catalogues[language] ?? {})) {
      const text = String(typeof message === 'function' ? message(3, 4, 5) : message);
      expect(text, key).toMatch(/\S/);
      expect(text, key).not.toContain('undefined');
    }
  });

  it('take the same parameters', () => {
    for (const [key, message] of Object.entries(en)) {
      const other = catalogues.zh?.[key];
      expect(typeof other, key).toBe(typeof message);
      if (typeof message === 'function' && typeof other === 'function') {
        expect(other.length, key).toBe(message.length);
      }
    }
  });

  it('speak Chinese where English has words', () => {
    const same = Object.entries(en).filter(
      ([key, text]) => typeof text === 'string' && text === catalogues.zh?.[key],
    );
    expect(same.map(([key]) => key)).toEqual(['appName', 'f1']);
  });
});
