// The release screen in a simulated document: what stands in the way, one click to the
// cases, sign-offs, and the release itself.

import { fireEvent, render, screen, within } from '@testing-library/svelte';
import { beforeEach, expect, it, vi } from 'vitest';
import App from './App.svelte';
import { i18n } from './messages/index.svelte';
import { studio } from './state';
import { simulation } from './testing/simulated/api';
import { sampleGates } from './testing/simulated/release';

beforeEach(() => {
  localStorage.clear();
  simulation.reset();
  simulation.caseMs = 0;
  i18n.language = 'en';
  studio.tabs = new Map();
  studio.activeName = null;
  studio.overlay = null;
  studio.screen = 'workbench';
});

async function open() {
  render(App);
  await vi.waitFor(() => expect(studio.tab?.session.phase).toBe('finished'));
  await fireEvent.click(screen.getByTestId('screen-release'));
  await screen.findByTestId('release-status');
}

const allMet = () =>
  sampleGates(simulation.policy('tobacco')).map((result) => ({
    ...result,
    state: 'passed' as const,
    value: result.value ?? 0,
    gap: null,
  }));

it('lists the gates, those that are not met on top, with value and bound', async () => {
  await open();
  const gates = screen.getAllByTestId('gate');
  expect(gates.map((gate) => gate.dataset.state)).toEqual([
    'failed',
    'unmeasured',
    'passed',
    'passed',
    'passed',
    'passed',
  ]);
  expect(gates[0]?.textContent).toContain('11.7 %');
  expect(gates[0]?.textContent).toContain('at most 10 %');
  expect(gates[1]?.textContent).toContain('No baseline to compare with');
  expect(gates[5]?.textContent).toContain('tag hard');
  expect(screen.getByTestId('release-status').textContent).toContain('2 of 6 gates not met');
  expect(screen.getByTestId<HTMLButtonElement>('release-button').disabled).toBe(true);
});

it('leads from a gate to its cases, and back to all', async () => {
  await open();
  const gate = screen.getAllByTestId('gate')[0] as HTMLElement;
  await fireEvent.click(within(gate).getByTestId('gate-cases'));
  await vi.waitFor(() => expect(studio.screen).toBe('workbench'));
  await vi.waitFor(() =>
    expect(screen.getAllByTestId('case-row').map((row) => row.dataset.case)).toEqual([
      'tobacco-03',
      'tobacco-04',
      'tobacco-05',
    ]),
  );
  const chip = screen.getByTestId('filter-only');
  expect(chip.textContent).toContain('False positive rate at most 10 %');
  await fireEvent.click(chip);
  expect(screen.queryByTestId('filter-only')).toBeNull();
  expect(screen.getAllByTestId('case-row').length).toBeGreaterThan(3);
});

it('signs off and releases, and keeps what was written meanwhile', async () => {
  simulation.gates = allMet();
  await open();
  const log = screen.getByTestId<HTMLTextAreaElement>('change-log');
  expect(log.value).toBe('First release: 9 clauses, 56 cases.');
  await fireEvent.input(log, { target: { value: 'Museums may show pipes.' } });
  await fireEvent.click(screen.getByTestId('sign-off-open'));
  const submit = await screen.findByTestId<HTMLButtonElement>('sign-off-submit');
  expect(submit.disabled).toBe(true);
  await fireEvent.input(screen.getByTestId('signer-name'), { target: { value: 'Mara' } });
  await fireEvent.input(screen.getByTestId('signer-role'), { target: { value: 'owner' } });
  await fireEvent.click(submit);
  const by = await screen.findByTestId('sign-off');
  expect(by.textContent).toContain('Mara');
  expect(log.value).toBe('Museums may show pipes.');

  await fireEvent.keyDown(window, { key: '1', ctrlKey: true });
  expect(studio.screen).toBe('workbench');
  await fireEvent.keyDown(window, { key: '5', ctrlKey: true });
  expect((await screen.findByTestId<HTMLTextAreaElement>('change-log')).value).toBe(
    'Museums may show pipes.',
  );
  await fireEvent.click(screen.getByTestId('release-button'));
  const release = await screen.findByTestId('release');
  expect(release.dataset.version).toBe('1');
  expect(release.textContent).toContain('Museums may show pipes.');
  await vi.waitFor(() =>
    expect(screen.getByTestId('release-status').textContent).toContain('Released as 1'),
  );
  expect(screen.getByTestId<HTMLButtonElement>('release-button').disabled).toBe(true);
});

it('names the file, line and remedy of what is wrong', async () => {
  simulation.gateProblems = [
    { severity: 'error', file: 'touchstone.toml', line: 4, message: 'Did you mean recall_min?' },
  ];
  await open();
  const gates = screen.getByTestId('gates');
  expect(gates.textContent).toContain('touchstone.toml, line 4');
  expect(gates.textContent).toContain('Did you mean recall_min?');
  expect(screen.getByTestId('release-status').textContent).toContain('Files need attention');
});

it('says how to set gates where there are none, in the language chosen', async () => {
  simulation.gates = [];
  await open();
  expect(screen.getByTestId('gates').textContent).toContain('[gates]');
  i18n.language = 'zh';
  await vi.waitFor(() => expect(screen.getByTestId('gates').textContent).toContain('门槛'));
});

it('exports a release, signed by who signed it off, and says what was written', async () => {
  simulation.gates = allMet();
  await open();
  const run = studio.tab?.session.summary?.run ?? 0;
  simulation.signOffs.set(run, [
    { name: 'Mara', role: 'owner', key: null, statement: 'I have read it.', signed_at_ms: 5 },
  ]);
  await fireEvent.click(screen.getByTestId('release-button'));
  await fireEvent.click(await screen.findByTestId('export-open'));
  const out = await screen.findByTestId<HTMLInputElement>('export-out');
  expect(out.value).toBe('releases/tobacco-1.tar.gz');
  await fireEvent.change(screen.getByTestId('export-format'), { target: { value: 'report' } });
  expect(out.value).toBe('releases/tobacco-1.html');
  expect(screen.queryByTestId('export-key')).toBeNull();
  await fireEvent.change(screen.getByTestId('export-format'), { target: { value: 'bundle' } });
  await fireEvent.input(screen.getByTestId('export-key'), { target: { value: 'mara.pem' } });
  await fireEvent.click(screen.getByTestId('export-start'));
  const done = await screen.findByTestId('export-done');
  expect(done.textContent).toContain('releases/tobacco-1.tar.gz');
  expect(simulation.exports[0]?.signers).toEqual([
    {
      name: 'Mara',
      role: 'owner',
      statement: 'I have read it.',
      signed_at_ms: 5,
      key_file: 'mara.pem',
    },
  ]);
});

it('asks before an export replaces a file', async () => {
  simulation.gates = allMet();
  await open();
  await fireEvent.click(screen.getByTestId('release-button'));
  simulation.exports.push({ out: 'releases/tobacco-1.tar.gz' } as never);
  await fireEvent.click(await screen.findByTestId('export-open'));
  await fireEvent.click(await screen.findByTestId('export-start'));
  const overwrite = await screen.findByTestId('export-overwrite');
  await fireEvent.click(overwrite);
  await fireEvent.click(screen.getByTestId('export-start'));
  await screen.findByTestId('export-done');
});

async function checkBundle(file: string) {
  await open();
  await fireEvent.click(screen.getByTestId('bundle-open'));
  await fireEvent.input(await screen.findByTestId('bundle-file'), { target: { value: file } });
  await fireEvent.click(screen.getByTestId('bundle-verify'));
}

it('says who signed a bundle, and imports it under a name that is free', async () => {
  await checkBundle('/srv/in/theirs.tar.gz');
  const report = await screen.findByTestId('bundle-report');
  expect(report.dataset.verified).toBe('true');
  const by = screen.getByTestId('bundle-signature');
  expect(by.textContent).toContain('Mara');
  expect(by.textContent).toContain('whose key it is stays open');
  expect(report.textContent).toContain('2 of 6 gates not met');

  // Another question has no answer yet, and the picked file is one.
  simulation.file = '/srv/in/trusted.pem';
  await fireEvent.click(screen.getByRole('button', { name: 'Choose: Trusted keys (optional)' }));
  await vi.waitFor(() => expect(screen.queryByTestId('bundle-report')).toBeNull());
  expect(screen.getByTestId<HTMLInputElement>('bundle-trust').value).toBe('/srv/in/trusted.pem');
  await fireEvent.click(screen.getByTestId('bundle-verify'));
  await vi.waitFor(() =>
    expect(screen.getByTestId('bundle-signature').textContent).toContain(
      'the key is trusted: Mara of review',
    ),
  );

  const name = screen.getByTestId('bundle-name');
  await fireEvent.input(name, { target: { value: 'tobacco' } });
  await fireEvent.click(screen.getByTestId('bundle-import'));
  expect((await screen.findByTestId('bundle-failure')).textContent).toContain('Choose another');
  await fireEvent.input(name, { target: { value: '' } });
  await fireEvent.click(screen.getByTestId('bundle-import'));
  await vi.waitFor(() => expect(studio.activeName).toBe('theirs'));
  expect(studio.overlay).toBeNull();
});

it('says why a bundle does not hold, and offers no import of it', async () => {
  await checkBundle('/srv/in/tampered.tar.gz');
  const report = await screen.findByTestId('bundle-report');
  expect(report.dataset.verified).toBe('false');
  expect(report.textContent).toContain('policy/policy.md');
  expect(screen.queryByTestId('bundle-import')).toBeNull();
  const file = screen.getByTestId('bundle-file');
  await fireEvent.input(file, { target: { value: '/srv/none.tar.gz' } });
  expect(screen.queryByTestId('bundle-report')).toBeNull();
  await fireEvent.click(screen.getByTestId('bundle-verify'));
  expect((await screen.findByTestId('bundle-failure')).textContent).toContain('no such file');
});

it('judges a bundle again and names each divergence with both margins', async () => {
  await open();
  await fireEvent.keyDown(window, { key: 'B', ctrlKey: true, shiftKey: true });
  await fireEvent.input(await screen.findByTestId('bundle-file'), {
    target: { value: 'diverges-unsigned.tar.gz' },
  });
  await fireEvent.click(screen.getByTestId('bundle-rerun'));
  await fireEvent.click(screen.getByTestId('bundle-verify'));
  const report = await screen.findByTestId('bundle-report');
  expect(report.dataset.verified).toBe('false');
  expect(report.textContent).toContain('60 of 61 verdicts equal');
  expect(report.textContent).toContain('tobacco-07: recorded violates +0.2, now safe −0.1');
  expect(report.textContent).toContain('Nobody has signed it');
  i18n.language = 'zh';
  await vi.waitFor(() => expect(report.textContent).toContain('此发布包无效'));
});

it('asks for the suite and salt of a bundle whose contents were withheld', async () => {
  await checkBundle('withheld-ungated.tar.gz');
  const report = await screen.findByTestId('bundle-report');
  expect(report.textContent).toContain('contents withheld');
  expect(report.textContent).toContain('nothing was asked of this policy');
  for (const field of ['suite', 'salt']) {
    const input = await screen.findByTestId(`bundle-${field}`);
    await fireEvent.input(input, { target: { value: `/srv/in/${field}` } });
  }
  await fireEvent.click(screen.getByTestId('bundle-verify'));
  await vi.waitFor(() =>
    expect(screen.getByTestId('bundle-report').textContent).toContain('case by case'),
  );
});
