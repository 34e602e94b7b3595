import { simulation } from '../testing/simulated/api';
import { beforeEach, expect, it, vi } from 'vitest';
import { Models } from './models.svelte';
import { notices } from './notices.svelte';

const wanted = { repository: 'openai/gpt-oss-safeguard-20b', revision: null, endpoint: null };

beforeEach(() => {
  notices.list = [];
  simulation.reset();
});

it('looks at the model in use, and says what fits', async () => {
  const models = new Models();
  await models.refresh('pebble');
  expect(models.model?.name).toBe('Pebble');
  expect(models.info?.memory.fits).toBe(true);
  await models.select('/models/gpt-oss-safeguard-20b');
  expect(models.info?.memory.refusal).toContain('Close other programs');
});

it('fetches with progress, and goes on with what was cancelled', async () => {
  const models = new Models();
  await models.refresh();
  simulation.modelSteps = 1_000;
  const fetching = models.fetch(wanted);
  await vi.waitFor(() => expect(models.task?.progress?.done_bytes).toBeGreaterThan(0));
  await models.cancel();
  await fetching;
  expect(models.task).toBeNull();
  expect(models.failure).toBeNull();
  expect(models.view?.unfinished.map((one) => one.request.repository)).toEqual([wanted.repository]);
  simulation.modelSteps = 2;
  await models.fetch(wanted);
  expect(models.view?.unfinished).toEqual([]);
  expect(models.model?.name).toBe(wanted.repository);
  expect(notices.list.at(-1)?.text).toContain(wanted.repository);
});

it('does one long task at a time, and keeps what each gave', async () => {
  const models = new Models();
  await models.refresh('pebble');
  const verifying = models.verify('pebble');
  await models.speedTest('pebble');
  expect(models.speeds.size).toBe(0);
  await verifying;
  expect(models.verified.get('pebble')?.faults).toEqual([]);
  await models.speedTest('pebble');
  expect(models.speeds.get('pebble')?.threads).toBe(2);
});

it('says why a fetch was refused', async () => {
  const models = new Models();
  await models.refresh();
  await models.fetch({ ...wanted, repository: 'nonsense' });
  expect(models.failure?.message).toContain('OWNER/MODEL');
});
