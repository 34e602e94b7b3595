// Importing a file through the window: guess, mapping, report.

import { fireEvent, render, screen } from '@testing-library/svelte';
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
  simulation.file = 'data/labelled.csv';
  render(App);
  await vi.waitFor(() => expect(studio.tab?.session.phase).toBe('finished'));
  await studio.importCases();
  return screen.findByTestId('import-dialog');
}

it('shows what a file would become, and imports it', async () => {
  const before = simulation.policies.find((one) => one.name === 'tobacco')?.cases.length ?? 0;
  await open();
  await vi.waitFor(() => expect(screen.getAllByTestId('import-case').length).toBe(2));
  expect(screen.getByText(/1 row is left out/)).toBeTruthy();
  await fireEvent.click(screen.getByTestId('import-run'));
  const report = await screen.findByTestId('import-report');
  expect(report.textContent).toContain('2 of 3 rows imported');
  const after = simulation.policies.find((one) => one.name === 'tobacco')?.cases.length;
  expect(after).toBe(before + 2);
});

it('imports a file that is dropped on the window', async () => {
  await open();
  studio.overlay = null;
  simulation.drop({ kind: 'over' });
  expect((await screen.findByTestId('drop-hint')).textContent).toContain('fixtures/');
  simulation.drop({ kind: 'dropped', files: ['/a.csv', '/b.csv'] });
  expect(studio.overlay).toBeNull();
  simulation.drop({ kind: 'dropped', files: ['/srv/cases.csv'] });
  await vi.waitFor(() => expect(studio.overlay).toBe('import'));
  expect(studio.importing?.file).toBe('/srv/cases.csv');
  expect(screen.queryByTestId('drop-hint')).toBeNull();
});

it('maps columns by hand and says when there is no text', async () => {
  await open();
  const content = await screen.findByTestId<HTMLSelectElement>('import-content');
  expect(content.value).toBe('message');
  await fireEvent.change(content, { target: { value: '' } });
  await screen.findByText('No column gives the text to judge.');
  expect(screen.getByTestId<HTMLButtonElement>('import-run').disabled).toBe(true);
  await fireEvent.change(content, { target: { value: 'message' } });
  await vi.waitFor(() =>
    expect(screen.getByTestId<HTMLButtonElement>('import-run').disabled).toBe(false),
  );
  await fireEvent.change(screen.getByTestId('import-expected'), { target: { value: '' } });
  await vi.waitFor(() =>
    expect(screen.getAllByTestId('import-case')[0]?.textContent).toContain('–'),
  );
});

it('tells of an encoding that does not exist', async () => {
  await open();
  const field = await screen.findByPlaceholderText('utf-8');
  await fireEvent.change(field, { target: { value: 'ebcdic' } });
  await screen.findByText('There is no encoding "ebcdic".');
});
