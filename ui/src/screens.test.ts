// Compare, Coverage and History in a simulated document.

import { fireEvent, render, screen, within } from '@testing-library/svelte';
import { beforeEach, expect, it, vi } from 'vitest';
import App from './App.svelte';
import { i18n } from './messages/index.svelte';
import { studio } from './state';
import { simulation } from './testing/simulated/api';
import { exported } from './testing/simulated/screens';

beforeEach(() => {
  localStorage.clear();
  simulation.reset();
  simulation.caseMs = 0;
  i18n.language = 'en';
  exported.length = 0;
  studio.tabs = new Map();
  studio.activeName = null;
  studio.overlay = null;
  studio.screen = 'workbench';
  studio.insight.reset();
  vi.spyOn(HTMLCanvasElement.prototype, 'getContext').mockReturnValue(null);
});

/** A busy machine takes its time. */
const settled = (check: () => void) => vi.waitFor(check, 20_000);

async function open(keys: string) {
  render(App);
  await settled(() => expect(studio.tab?.session.phase).toBe('finished'));
  await fireEvent.keyDown(window, { key: keys, ctrlKey: true });
}

/** An edit that the simulated model answers with flips. */
async function edited() {
  const tab = studio.tab;
  if (!tab) throw new Error('no tab');
  const text = tab.text.replace('- T4 ', '- T4 Unless a price is given. ');
  expect(text).not.toBe(tab.text);
  studio.edited(tab, text);
  await settled(() => expect(tab.runs.some((run) => run.run > 30)).toBe(true));
  await settled(() => expect(tab.session.phase).toBe('finished'));
}

it('compares the newest run with the baseline, hunk by hunk and flip by flip', async () => {
  await open('1');
  await edited();
  await fireEvent.keyDown(window, { key: '2', ctrlKey: true });
  const flips = await screen.findAllByTestId('compare-flip');
  const desk = studio.tab?.comparing;
  expect(desk?.a?.run).toBe(studio.tab?.baseline);
  expect(screen.getByTestId('compare-flips-count').dataset.count).toBe(String(desk?.rows.length));
  expect(screen.getByTestId('hunk').textContent).toContain('T4');
  expect(screen.getAllByTestId('confusion')).toHaveLength(2);
  const precision = within(screen.getByTestId('compare-measures')).getByText('Precision');
  expect(precision.closest('tr')?.textContent).toMatch(/\.\d\d.*\.\d\d–\.\d\d/);
  // The keyboard moves through flips, and both rationales follow.
  const list = screen.getByTestId('compare-flips');
  await fireEvent.keyDown(list, { key: 'End' });
  const last = desk?.rows.at(-1)?.case;
  await settled(() => expect(screen.getByTestId('compare-traces').dataset.case).toBe(last));
  expect(screen.getByTestId('trace-before').querySelector('ins')).toBeNull();
  expect(screen.getByTestId('trace-after').querySelector('del')).toBeNull();
  expect(flips.length).toBeGreaterThan(0);
  await fireEvent.keyDown(list, { key: 'Enter' });
  await settled(() => expect(studio.screen).toBe('workbench'));
  await settled(() => expect(studio.tab?.table.selected).toBe(last));
});

it('finds which change caused which flip, and lists the flips of a change', async () => {
  await open('1');
  await edited();
  await fireEvent.keyDown(window, { key: '2', ctrlKey: true });
  await screen.findAllByTestId('compare-flip');
  const desk = studio.tab?.comparing;
  const all = desk?.rows.length ?? 0;
  // Before the model is asked, flips stand beside the clauses that they name.
  expect(screen.getByTestId('causes-known').textContent).toContain('no proof');
  await fireEvent.click(screen.getByTestId('find-causes'));
  await settled(() => expect(screen.getByTestId('causes-known').dataset.known).toBe(String(all)));
  expect(screen.queryByTestId('find-causes')).toBeNull();
  expect(screen.queryByTestId('hunk-flips')).toBeNull();
  const caused = screen.getByTestId('caused-flips');
  expect(caused.textContent).toContain(`caused ${all} flip`);
  await fireEvent.click(caused);
  expect(desk?.only?.cases.size).toBe(all);
  expect(screen.getAllByTestId('compare-flip')[0]?.textContent).toContain('T4');
});

it('swaps both sides and exports the flips', async () => {
  await open('2');
  await settled(() => expect(studio.tab?.comparing.view).not.toBeNull());
  const desk = studio.tab?.comparing;
  const [a, b] = [desk?.a?.run, desk?.b?.run];
  await fireEvent.click(screen.getByTestId('compare-swap'));
  await settled(() => expect(desk?.view?.a.run).toBe(b));
  expect(desk?.view?.b.run).toBe(a);
  await fireEvent.click(screen.getByText('Export CSV'));
  await settled(() => expect(exported[0]?.of).toEqual({ kind: 'flips', a: b, b: a }));
});

it('says what to do where there is nothing to compare', async () => {
  simulation.runs = [];
  simulation.baselines.clear();
  await open('2');
  const empty = await screen.findByTestId('compare-empty');
  expect(empty.textContent).toContain('Workbench');
});

it('maps clauses by cases, for the keyboard too, and leads to the clause', async () => {
  await open('3');
  const map = await screen.findByTestId('heat-map');
  const clauses = screen.getAllByTestId('coverage-clause').map((one) => one.dataset.clause);
  expect(clauses).toEqual(studio.tab?.analysis.clauses.map((clause) => clause.id));
  await fireEvent.keyDown(map, { key: 'ArrowDown' });
  await fireEvent.keyDown(map, { key: 'ArrowRight' });
  expect(map.dataset.row).toBe(clauses[1]);
  expect(map.dataset.case).toBe('tobacco-02');
  expect(screen.getByTestId('coverage-cell').textContent).toContain(clauses[1]);
  const counts = ['uncovered', 'named', 'one_sided', 'both_polarities'].map((standing) =>
    Number(screen.getByTestId(`standing-${standing}`).dataset.count),
  );
  expect(counts.reduce((sum, n) => sum + n, 0)).toBe(clauses.length);
  await fireEvent.click(screen.getByTestId('order-clause'));
  expect(studio.tab?.covering.order).toBe('clause');
  await fireEvent.keyDown(map, { key: 'c' });
  await settled(() => expect(studio.screen).toBe('workbench'));
  const line = studio.tab?.analysis.clauses[1]?.line_start;
  await settled(() => expect(studio.tab?.cursor.line).toBe(line));
});

it('searches all traces and opens the case of a hit', async () => {
  await open('4');
  await screen.findByTestId('history-screen');
  await fireEvent.input(screen.getByTestId('search-text'), { target: { value: 'conversation' } });
  const hit = (await screen.findAllByTestId('search-hit'))[0] as HTMLElement;
  expect(hit.querySelector('mark')?.textContent?.toLowerCase()).toBe('conversation');
  await fireEvent.click(hit);
  await settled(() => expect(studio.screen).toBe('workbench'));
  await settled(() => expect(studio.tab?.table.selected).toBe(hit.dataset.case));
});

it('breaks a run down by tag and writes its curves', async () => {
  await open('4');
  await screen.findAllByTestId('history-run');
  const by = await screen.findByTestId('breakdown-by');
  await fireEvent.change(by, { target: { value: 'tag' } });
  const tags = new Set(simulation.policy('tobacco').cases.flatMap((item) => item.tags ?? []));
  await settled(() => expect(screen.getAllByTestId('group')).toHaveLength(tags.size));
  await fireEvent.click(screen.getByTestId('export-csv'));
  await settled(() => expect(exported[0]?.of).toEqual({ kind: 'runs', policy: 'tobacco' }));
});

it('speaks Chinese on the new screens', async () => {
  await open('3');
  i18n.language = 'zh';
  await settled(() =>
    expect(screen.getByTestId('standing-uncovered').textContent).toContain('未覆盖'),
  );
});
