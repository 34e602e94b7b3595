// What is found out about flips, in a simulated document: tests by themselves, causes and
// clauses on demand, and nothing in the way of a run.

import { fireEvent, render, screen } from '@testing-library/svelte';
import { beforeEach, expect, it, vi } from 'vitest';
import App from './App.svelte';
import { i18n } from './messages/index.svelte';
import { studio } from './state';
import { commands } from './state/commands';
import { preferences } from './state/preferences.svelte';
import { simulation } from './testing/simulated/api';

beforeEach(() => {
  localStorage.clear();
  simulation.reset();
  simulation.caseMs = 0;
  i18n.language = 'en';
  preferences.confirmFlips = true;
  studio.tabs = new Map();
  studio.activeName = null;
  studio.overlay = null;
  studio.screen = 'workbench';
  studio.insight.reset();
});

const settled = (check: () => void) => vi.waitFor(check, 20_000);

function tabInFront() {
  const tab = studio.tab;
  if (!tab) throw new Error('no tab');
  return tab;
}

async function open() {
  render(App);
  await settled(() => expect(studio.tab?.session.phase).toBe('finished'));
}

async function edit(words: string) {
  const tab = tabInFront();
  studio.edited(tab, tab.text.replace('- T4 ', `- T4 ${words} `));
  await settled(() => expect(tab.session.phase).toBe('finished'));
  await settled(() => expect(tab.offText).toBeNull());
  expect(tab.rows.some((row) => row.flip !== null)).toBe(true);
}

const flips = () => tabInFront().rows.filter((row) => row.flip !== null);

async function selectFlip() {
  const row = flips()[0];
  if (!row) throw new Error('no flip');
  tabInFront().table.selected = row.case;
  await screen.findByTestId('evidence');
  return row;
}

it('tests flips by itself once a run has ended, and says what was found', async () => {
  await open();
  await edit('Unless a price is given.');
  await settled(() => expect(flips().every((row) => row.evidence)).toBe(true));
  expect(screen.queryByTestId('task')).toBeNull();
  await selectFlip();
  expect(screen.getByTestId('evidence').textContent).toMatch(/\d of 7 pairs of samples show/);
  await settled(() => expect(screen.getByTestId('certainties').textContent).toMatch(/real|noise/));
  const counted = /\d+/.exec(screen.getByTestId('certainties').textContent ?? '');
  expect(Number(counted?.[0])).toBeGreaterThan(0);
});

it('gives way to a run, and goes on behind it', async () => {
  await open();
  simulation.probeMs = 40;
  await edit('Unless a price is given.');
  await settled(() => expect(screen.getByTestId('task').dataset.question).toBe('confirm'));
  await edit('Unless a price or a contact is given.');
  simulation.probeMs = 0;
  await settled(() => expect(flips().every((row) => row.evidence)).toBe(true));
  expect(studio.failure).toBeNull();
});

it('is stopped by the person, and then asks nothing by itself', async () => {
  await open();
  simulation.probeMs = 60;
  await edit('Unless a price is given.');
  await fireEvent.click(await screen.findByTestId('stop-task'));
  await settled(() => expect(screen.queryByTestId('task')).toBeNull());
  await new Promise((resolve) => setTimeout(resolve, 150));
  expect(studio.insight.task).toBeNull();
  expect(flips().some((row) => !row.evidence)).toBe(true);
  // A person may ask all the same.
  simulation.probeMs = 0;
  await fireEvent.keyDown(window, { key: 't' });
  await settled(() => expect(flips().every((row) => row.evidence)).toBe(true));
});

it('asks nothing by itself where that is turned off', async () => {
  preferences.confirmFlips = false;
  await open();
  await edit('Unless a price is given.');
  expect(studio.insight.task).toBeNull();
  commands.find((command) => command.id === 'confirm-flips')?.run(studio);
  expect(preferences.confirmFlips).toBe(true);
  await settled(() => expect(flips().every((row) => row.evidence)).toBe(true));
});

it('finds the change that caused a flip and marks it in the text', async () => {
  await open();
  await edit('Unless a price is given.');
  await selectFlip();
  await fireEvent.keyDown(window, { key: 'c' });
  const chip = await screen.findByTestId('cause-hunk');
  expect(chip.textContent).toContain('T4');
  expect(screen.getByTestId('cause').dataset.cause).toBe('one');
  await settled(() => {
    expect(document.querySelector('.cm-cause')?.textContent).toContain('T4');
  });
  await fireEvent.click(chip);
  await settled(() => expect(document.querySelector('.cm-flash')?.textContent).toContain('T4'));
  // Another flip has a cause of its own, not known yet.
  const other = flips()[1];
  if (!other) throw new Error('one flip only');
  tabInFront().table.selected = other.case;
  await screen.findByTestId('find-cause');
});

it('finds the clauses that a verdict rests on, before what it asks by itself', async () => {
  await open();
  simulation.probeMs = 40;
  await edit('Unless a price is given.');
  await settled(() => expect(screen.getByTestId('task').dataset.question).toBe('confirm'));
  await selectFlip();
  await fireEvent.keyDown(window, { key: 's' });
  const clause = await screen.findByTestId('rests-on');
  expect(clause.dataset.clause).toMatch(/^T\d$/);
  await settled(() => expect(document.querySelector('.cm-rests')).not.toBeNull());
  simulation.probeMs = 0;
  await settled(() => expect(flips().every((row) => row.evidence)).toBe(true));
});
