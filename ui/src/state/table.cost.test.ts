// What the cases table costs the page's thread at 100,000 cases, in processor time, so that
// a busy machine tells the same: `TOUCHSTONE_COST=1 npx vitest run src/state/table.cost.test.ts`.

import { expect, it } from 'vitest';
import { fromCase } from '../lib/cases';
import { CaseTable } from './table.svelte';

const WORDS = 'sells cigars museum pipe weather offer price contact history snuff vape photo'.split(
  ' ',
);

function cases(count: number) {
  let seed = 7;
  const next = (n: number) => (seed = (seed * 48_271) % 2_147_483_647) % n;
  const text = () => Array.from({ length: 6 + next(12) }, () => WORDS[next(WORDS.length)]);
  return Array.from({ length: count }, (_, at) =>
    fromCase({
      id: `case-${at}`,
      content: text().join(' '),
      kind: 'user_input',
      expected: next(3) > 0 ? 'safe' : 'violates',
    }),
  );
}

const cpuMs = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

it.runIf(process.env.TOUCHSTONE_COST)(
  'says what each step costs',
  { timeout: 600_000 },
  async () => {
    const rows = cases(100_000);
    const index = new Map(rows.map((row) => [row.case, row]));
    const texts = new Map(rows.map((row) => [row.case, row.excerpt]));
    const table = new CaseTable({
      rows,
      running: false,
      compared: true,
      row: (id) => index.get(id),
      haystack: (id) => texts.get(id) ?? '',
    });
    const later = globalThis.setTimeout;
    const blocks: number[] = [];
    const timed = (work: () => void) => {
      const since = cpuMs();
      work();
      blocks.push(cpuMs() - since);
    };
    // The table goes on in timers: each is a time in which the page can do nothing else.
    const patched = ((work: () => void, ms?: number) =>
      later(() => timed(work), ms)) as typeof later;
    async function step(name: string, act: () => void) {
      blocks.length = 0;
      globalThis.setTimeout = patched;
      timed(act);
      for (let quiet = 0, seen = -1; quiet < 20; quiet = blocks.length === seen ? quiet + 1 : 0) {
        seen = blocks.length;
        await new Promise((resolve) => later(resolve, 2));
      }
      globalThis.setTimeout = later;
      const total = blocks.reduce((sum, block) => sum + block, 0);
      console.log(
        `${name}: ${total.toFixed(1)} ms in all, ${Math.max(...blocks).toFixed(1)} at once`,
      );
    }
    for (let round = 0; round < 3; round++) {
      await step('regroup', () => table.regroup());
      for (const query of ['m', 'mu', 'museum', ''])
        await step(`query "${query}"`, () => table.setQuery(query));
      for (const column of ['expected', 'case'] as const)
        for (const turn of ['ascending', 'descending', 'not'])
          await step(`sorted by ${column}, ${turn}`, () => table.toggleSort(column));
    }
    expect(table.listing.length).toBe(rows.length);
  },
);
