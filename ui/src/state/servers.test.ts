import { simulation } from '../testing/simulated/api';
import { beforeEach, expect, it, vi } from 'vitest';
import { hostOf, ServersForm } from './servers.svelte';
import { Studio } from './studio.svelte';

const AWAY = 'https://gpu.example.com/v1';
const HERE = 'http://127.0.0.1:8000/v1';

async function open() {
  const studio = new Studio();
  await studio.start();
  await vi.waitFor(() => expect(studio.tab?.session.phase).toBe('finished'));
  return { studio, form: new ServersForm(studio) };
}

beforeEach(() => {
  localStorage.clear();
  simulation.reset();
  simulation.caseMs = 0;
});

it('adds a model of this machine without any question, and judges with it', async () => {
  const { studio, form } = await open();
  form.address = HERE;
  await form.find();
  const found = form.found?.[0];
  if (!found) throw new Error('no model was found');
  await form.add(found);
  expect(form.added.map((model) => model.id)).toEqual([found.address]);
  await studio.selectModel(found.address);
  expect(studio.leave).toBeNull();
  expect(studio.model?.server?.leaves_machine).toBe(false);
  await form.remove(found.address);
  expect(form.added).toEqual([]);
});

it('asks before content leaves the machine, and goes on where it stood when allowed', async () => {
  const { studio, form } = await open();
  form.address = AWAY;
  await form.find();
  expect(form.found).toBeNull();
  const leave = studio.leave;
  if (!leave) throw new Error('nobody was asked');
  expect([leave.host, leave.encrypted]).toEqual(['gpu.example.com', true]);
  await studio.allowHost(leave, false);
  const found = await vi.waitFor(() => form.found?.[0] ?? Promise.reject(new Error('none yet')));
  expect(studio.leave).toBeNull();
  // Leave that is taken back is asked for again.
  await form.add(found);
  const [added] = form.added;
  if (!added) throw new Error('nothing was added');
  await form.forbid(added);
  await form.test(added.id);
  expect(studio.leave).toMatchObject({ host: 'gpu.example.com' });
});

it('asks when an evaluation would send content, and sends nothing when refused', async () => {
  const { studio } = await open();
  simulation.servers.push(`${AWAY}#m`);
  await studio.selectModel(`${AWAY}#m`);
  expect(studio.leave?.host).toBe('gpu.example.com');
  expect(studio.model?.id).toBe('pebble');
  studio.leave = null;
  // A model that touchstone.toml names is selected without anyone having been asked.
  simulation.model = `${AWAY}#m`;
  await studio.start();
  simulation.evaluateFailure = { code: 'consent', message: 'It would leave.' };
  const tab = studio.tab;
  if (!tab) throw new Error('no policy is open');
  await studio.evaluate(tab, 0);
  await vi.waitFor(() => expect(studio.leave?.host).toBe('gpu.example.com'));
  expect(tab.session.failure?.code).toBe('consent');
});

it('changes how a model that was added is asked, and keeps what was refused as it was', async () => {
  const { form } = await open();
  form.address = HERE;
  await form.find();
  const found = form.found?.[0];
  if (!found) throw new Error('no model was found');
  await form.add(found);
  const added = () => form.added[0] ?? Promise.reject(new Error('nothing was added'));
  const options = (await added()).server?.options;
  if (!options) throw new Error('a server has options');
  expect(options).toMatchObject({ raw: false, responses: false, concurrency: null });
  await form.configure(await added(), { ...options, raw: true, concurrency: 64 });
  expect(form.problem).toBe('');
  expect((await added()).server?.options).toMatchObject({ raw: true, concurrency: 64 });
  await form.configure(await added(), { ...options, concurrency: 5000 });
  expect(form.problem).toContain('1 to 1024');
  expect((await added()).server?.options.concurrency).toBe(64);
});

it('reads hosts from addresses', () => {
  expect(hostOf('http://gpu.lan:8000/v1#m')).toEqual({ host: 'gpu.lan', encrypted: false });
  expect(hostOf('no address')).toBeNull();
});
