// How a model on a server is asked, set in the window: interface, requests in flight, prices.

import { fireEvent, render, screen } from '@testing-library/svelte';
import { beforeEach, expect, it, vi } from 'vitest';
import App from './App.svelte';
import { i18n } from './messages/index.svelte';
import { studio } from './state';
import { simulation } from './testing/simulated/api';

const ADDRESS = 'http://127.0.0.1:8000/v1#m';

beforeEach(() => {
  localStorage.clear();
  simulation.reset();
  simulation.caseMs = 0;
  i18n.language = 'en';
  studio.tabs = new Map();
  studio.activeName = null;
  studio.overlay = null;
});

async function openOptions() {
  simulation.servers.push(ADDRESS);
  render(App);
  await vi.waitFor(() => expect(studio.tab?.session.phase).toBe('finished'));
  studio.overlay = 'servers';
  await fireEvent.click(await screen.findByRole('button', { name: 'How m is asked' }));
  return screen.findByTestId('server-options');
}

it('asks by our own prompt, with more requests in flight and at a price', async () => {
  await openOptions();
  await fireEvent.change(screen.getByLabelText('Interface'), { target: { value: 'raw' } });
  await fireEvent.input(screen.getByLabelText('Requests in flight'), { target: { value: '64' } });
  const price = screen.getByLabelText('Price of a million tokens read');
  await fireEvent.input(price, { target: { value: '0.05' } });
  await fireEvent.click(screen.getByRole('button', { name: 'Save' }));
  await screen.findByText('m is asked so from the next run on.');
  expect(simulation.serverOptions.get(ADDRESS)).toEqual({
    raw: true,
    responses: false,
    concurrency: 64,
    price_prompt: 0.05,
    price_generated: null,
    currency: 'USD',
  });
});

it('begins with what holds, and takes a bound away again', async () => {
  simulation.serverOptions.set(ADDRESS, {
    raw: false,
    responses: true,
    concurrency: 16,
    price_prompt: null,
    price_generated: null,
    currency: null,
  });
  await openOptions();
  const spoken = screen.getByLabelText<HTMLSelectElement>('Interface');
  expect(spoken.value).toBe('responses');
  const flight = screen.getByLabelText<HTMLInputElement>('Requests in flight');
  expect(flight.value).toBe('16');
  await fireEvent.input(flight, { target: { value: '' } });
  await fireEvent.change(spoken, { target: { value: 'chat' } });
  await fireEvent.click(screen.getByRole('button', { name: 'Save' }));
  await screen.findByText('m is asked so from the next run on.');
  expect(simulation.serverOptions.get(ADDRESS)).toMatchObject({
    responses: false,
    concurrency: null,
    currency: null,
  });
});
