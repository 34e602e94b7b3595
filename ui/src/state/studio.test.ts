import { simulation } from '../testing/simulated/api';
import { tobacco } from '../testing/simulated/samples';
import { beforeEach, expect, it, vi } from 'vitest';
import { readDraft } from '../lib/drafts';
import { beginCase, deleteCase } from './casesActions';
import { notices } from './notices.svelte';
import { Studio } from './studio.svelte';

const ROOT = '/srv/marketplace';
const edited = tobacco.replace('culture of tobacco.', 'culture of tobacco, cigars included.');

async function open() {
  const studio = new Studio();
  await studio.start();
  const tab = studio.tab;
  if (!tab) throw new Error('no policy is open');
  await vi.waitFor(() => expect(tab.session.phase).toBe('finished'));
  return { studio, tab };
}

beforeEach(() => {
  localStorage.clear();
  notices.list = [];
  simulation.reset();
  simulation.caseMs = 0;
});

it('opens the first policy and judges it', async () => {
  const { studio, tab } = await open();
  expect(studio.workspace?.name).toBe('marketplace');
  expect(tab.name).toBe('tobacco');
  expect(tab.rows).toHaveLength(56);
  expect(tab.comparedWith?.run).toBe(tab.baseline);
});

it('turns an edit into flips, without saving', async () => {
  const { studio, tab } = await open();
  studio.edited(tab, edited);
  expect(tab.dirty).toBe(true);
  expect(tab.session.phase).toBe('waiting');
  await vi.waitFor(() => expect(tab.session.phase).toBe('finished'));
  const flips = tab.figures?.flips ?? { fixed: 0, broken: 0, changed: 0 };
  expect(flips.fixed + flips.broken + flips.changed).toBeGreaterThan(0);
  await vi.waitFor(() => expect(tab.analysis.changed_lines).toHaveLength(1));
  expect(simulation.policy('tobacco').text).toBe(tobacco);
});

it('keeps unsaved text over a restart, until it is saved', async () => {
  const first = await open();
  first.studio.edited(first.tab, edited);
  await vi.waitFor(() => expect(readDraft(ROOT, 'tobacco')?.text).toBe(edited));
  const second = await open();
  expect(second.tab.text).toBe(edited);
  expect(second.tab.dirty).toBe(true);
  expect(second.tab.conflict).toBeNull();
  expect(await second.tab.save()).toBeNull();
  expect(second.tab.dirty).toBe(false);
  expect(readDraft(ROOT, 'tobacco')).toBeNull();
  expect(simulation.policy('tobacco').text).toBe(edited);
});

it('shows the canonical form of what was saved', async () => {
  const { studio, tab } = await open();
  studio.edited(tab, `${edited.trimEnd()}\n\n\n`);
  await studio.save(tab);
  expect(tab.text).toBe(`${edited.trimEnd()}\n`);
  expect(tab.dirty).toBe(false);
  expect(readDraft(ROOT, 'tobacco')).toBeNull();
});

it('asks about a draft whose file has changed since', async () => {
  const first = await open();
  first.studio.edited(first.tab, edited);
  await vi.waitFor(() => expect(readDraft(ROOT, 'tobacco')).not.toBeNull());
  simulation.policy('tobacco').text = `${tobacco}\nTheirs.\n`;
  const { tab } = await open();
  expect(tab.text).toBe(edited);
  expect(tab.conflict?.text).toContain('Theirs.');
});

it('follows the file while nothing is unsaved', async () => {
  const { tab } = await open();
  simulation.writeOutside('tobacco', `${tobacco}\nTheirs.\n`);
  await vi.waitFor(() => expect(tab.text).toContain('Theirs.'));
  expect(tab.dirty).toBe(false);
  expect(tab.conflict).toBeNull();
});

it('never overwrites either side of a conflict silently', async () => {
  const { studio, tab } = await open();
  studio.edited(tab, edited);
  simulation.writeOutside('tobacco', `${tobacco}\nTheirs.\n`);
  await vi.waitFor(() => expect(tab.conflict).not.toBeNull());
  expect(tab.text).toBe(edited);
  await studio.save(tab);
  expect(studio.overlay).toBe('conflict');
  expect(simulation.policy('tobacco').text).toContain('Theirs.');
  studio.keepMine(tab);
  expect(tab.dirty).toBe(true);
  expect(await tab.save()).toBeNull();
  expect(simulation.policy('tobacco').text).toBe(edited);
});

it('notices on saving what the watcher missed, and takes theirs', async () => {
  const { studio, tab } = await open();
  studio.edited(tab, edited);
  simulation.policy('tobacco').text = `${tobacco}\nTheirs.\n`;
  expect(await tab.save()).toBeNull();
  expect(tab.conflict?.text).toContain('Theirs.');
  studio.takeTheirs(tab);
  expect(tab.text).toContain('Theirs.');
  expect(tab.dirty).toBe(false);
});

it('stays usable when the model fails, and recovers', async () => {
  const { studio, tab } = await open();
  simulation.evaluateFailure = { code: 'model', message: 'a tensor is missing' };
  studio.edited(tab, edited);
  await vi.waitFor(() => expect(tab.session.phase).toBe('failed'));
  expect(tab.session.failure?.message).toBe('a tensor is missing');
  expect(tab.rows).toHaveLength(56);
  expect(tab.text).toBe(edited);
  simulation.evaluateFailure = null;
  await studio.evaluate(tab, 0);
  await vi.waitFor(() => expect(tab.session.phase).toBe('finished'));
  expect(tab.session.failure).toBeNull();
});

it('takes the first complete run as the baseline', async () => {
  const { studio } = await open();
  await studio.activate('spam');
  const spam = studio.tab;
  await vi.waitFor(() => expect(spam?.baseline).not.toBeNull());
  expect(spam?.baseline).toBe(spam?.session.summary?.run);
});

it('opens an old run and restores its text', async () => {
  const { studio, tab } = await open();
  const oldest = tab.runs.at(-1);
  if (!oldest) throw new Error('there is no history');
  await studio.viewRun(tab, oldest.run);
  expect(tab.summary?.run).toBe(oldest.run);
  await studio.restore(tab, oldest.run);
  expect(tab.text).not.toContain('T6');
  await vi.waitFor(() => expect(tab.session.phase).toBe('finished'));
  expect(tab.viewing).toBeNull();
});

it('adds, deletes and brings back a case', async () => {
  const { studio, tab } = await open();
  beginCase(studio);
  expect(studio.editing?.item.id).toBe('tobacco-57');
  const item = { id: 'tobacco-57', content: 'New', kind: 'user_input' as const };
  expect(await studio.editSuite(tab, { kind: 'add', case: item })).toBe(true);
  await vi.waitFor(() => expect(tab.row('tobacco-57')?.verdict).not.toBeNull());
  await deleteCase(studio, tab.caseOf('tobacco-57'));
  expect(tab.caseOf('tobacco-57')).toBeUndefined();
  notices.list.at(-1)?.action?.run();
  await vi.waitFor(() => expect(tab.caseOf('tobacco-57')).toEqual(item));
  const order = [...tab.cases.keys()];
  await deleteCase(studio, tab.caseOf('tobacco-02'));
  notices.list.at(-1)?.action?.run();
  await vi.waitFor(() => expect([...tab.cases.keys()]).toEqual(order));
});

it('says so when the suite changed under an edit', async () => {
  const { studio, tab } = await open();
  const policy = simulation.policy('tobacco');
  policy.cases = policy.cases.slice(1);
  expect(await studio.editSuite(tab, { kind: 'remove', id: 'tobacco-02' })).toBe(false);
  expect(tab.caseOf('tobacco-01')).toBeUndefined();
  expect(await studio.editSuite(tab, { kind: 'remove', id: 'tobacco-02' })).toBe(true);
});

it('cancels', async () => {
  const { studio, tab } = await open();
  simulation.caseMs = 50;
  studio.edited(tab, edited);
  await vi.waitFor(() => expect(tab.session.phase).toBe('running'));
  await studio.cancel();
  expect(tab.session.phase).toBe('cancelled');
  expect(tab.session.busy).toBe(false);
});

it('opens another policy when the first cannot be read', async () => {
  simulation.unreadable = 'tobacco';
  const studio = new Studio();
  await studio.start();
  expect(studio.tab?.name).toBe('spam');
  expect(studio.failure?.message).toContain('policies/tobacco.md');
});
