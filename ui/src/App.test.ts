// The whole window in a simulated document: what the end-to-end test relies on.

import { fireEvent, render, screen, within } from '@testing-library/svelte';
import { beforeEach, expect, it, vi } from 'vitest';
import App from './App.svelte';
import { i18n } from './messages/index.svelte';
import { studio } from './state';
import { simulation } from './testing/simulated/api';

beforeEach(() => {
  localStorage.clear();
  simulation.reset();
  simulation.caseMs = 0;
  i18n.language = 'en';
  studio.tabs = new Map();
  studio.activeName = null;
  studio.overlay = null;
  studio.editing = null;
});

async function open() {
  render(App);
  await vi.waitFor(() => expect(studio.tab?.session.phase).toBe('finished'));
  await vi.waitFor(() => expect(screen.getAllByTestId('case-row').length).toBeGreaterThan(3));
}

it('starts afresh beside a database that cannot be opened', async () => {
  simulation.badDatabase = true;
  studio.workspace = null;
  render(App);
  await fireEvent.click(await screen.findByTestId('move-database-aside'));
  await vi.waitFor(() => expect(studio.tab?.session.phase).toBe('finished'));
  expect(screen.queryByTestId('move-database-aside')).toBeNull();
});

it('has every element that the end-to-end test looks for', async () => {
  await open();
  for (const id of [
    'editor',
    'trace',
    'run-progress',
    'baseline-picker',
    'screen-history',
    'status-saved',
    'model-chip',
    'flips-count',
    'filter-flipped',
  ]) {
    expect(screen.getByTestId(id)).toBeTruthy();
  }
  const row = screen.getAllByTestId('case-row')[0];
  expect(row?.dataset.case).toBe('tobacco-01');
  expect(within(row as HTMLElement).getByTestId('verdict').dataset.verdict).toBe('safe');
  await vi.waitFor(() => expect(screen.getAllByTestId('citation')[0]?.dataset.clause).toBeTruthy());
  expect(screen.getByTestId('model-chip').textContent).toContain('demonstration model');
});

it('leads from a citation to its clause', async () => {
  await open();
  const citation = await vi.waitFor(() => screen.getAllByTestId('citation')[0] as HTMLElement);
  const line = studio.tab?.analysis.clauses.find(
    (clause) => clause.id === citation.dataset.clause,
  )?.line_start;
  await fireEvent.click(citation);
  expect(studio.tab?.cursor.line).toBe(line);
  expect(document.querySelector('.cm-flash')?.textContent).toContain(citation.dataset.clause);
});

it('draws few rows of many, and follows the selection by key', async () => {
  await open();
  const grid = screen.getByTestId('cases');
  await fireEvent.keyDown(grid, { key: 'End' });
  expect(studio.tab?.table.selected).toBe('tobacco-56');
  await fireEvent.keyDown(grid, { key: 'Home' });
  expect(studio.tab?.table.selected).toBe('tobacco-01');
  expect(screen.getAllByTestId('case-row').length).toBeLessThan(30);
});

it('toggles the expected verdict by key, but not while somebody types', async () => {
  await open();
  const expected = () => studio.tab?.caseOf('tobacco-01')?.expected;
  await fireEvent.keyDown(screen.getByTestId('filter-text'), { key: 'x' });
  expect(expected()).toBe('safe');
  await fireEvent.keyDown(screen.getByTestId('cases'), { key: 'x' });
  await vi.waitFor(() => expect(expected()).toBe('violates'));
});

it('speaks Chinese when asked', async () => {
  await open();
  i18n.language = 'zh';
  await vi.waitFor(() =>
    expect(screen.getByTestId('filter-flipped').textContent).toContain('翻转'),
  );
  expect(screen.getByTestId('model-chip').textContent).toContain('演示模型');
});

it('edits a case in the inspector', async () => {
  await open();
  await fireEvent.keyDown(screen.getByTestId('cases'), { key: 'e' });
  const content = await screen.findByTestId<HTMLTextAreaElement>('case-content');
  await fireEvent.input(content, { target: { value: '' } });
  await fireEvent.click(screen.getByTestId('save-case'));
  expect(screen.getByText('A case needs content.')).toBeTruthy();
  await fireEvent.input(content, { target: { value: 'An empty snuff box.' } });
  await fireEvent.click(screen.getByTestId('save-case'));
  await vi.waitFor(() =>
    expect(studio.tab?.caseOf('tobacco-01')?.content).toBe('An empty snuff box.'),
  );
  expect(screen.queryByTestId('case-inspector')).toBeNull();
});

it('shows the models, what fits, and one verified', async () => {
  await open();
  await fireEvent.keyDown(window, { key: 'm', ctrlKey: true });
  const view = within(await screen.findByTestId('models-screen'));
  await vi.waitFor(() => expect(view.getAllByTestId('model-entry')).toHaveLength(2));
  expect((await view.findByTestId('model-memory')).dataset.fits).toBe('true');
  await fireEvent.click(view.getByText('gpt-oss-safeguard-20b'));
  await vi.waitFor(() => expect(view.getByTestId('model-memory').dataset.fits).toBe('false'));
  await fireEvent.click(view.getByTestId('verify-model'));
  const verified = await view.findByTestId('verified');
  expect(verified.dataset.sound).toBe('false');
  expect(verified.textContent).toContain('down_proj_blocks');
});
