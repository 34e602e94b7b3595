// The simulated models on servers: vLLM everywhere, and hosts that must be allowed first.

import type {
  FoundModel,
  ModelView,
  ServerCheck,
  ServerOptions,
  ServerView,
} from '../../lib/types';
import { workspace } from './api';
import { hash } from './judge';
import { fail, simulation } from './simulation';

const later = <T>(value: T) => new Promise<T>((resolve) => setTimeout(() => resolve(value), 4));

const PLAIN: ServerOptions = {
  raw: false,
  responses: false,
  concurrency: null,
  price_prompt: null,
  price_generated: null,
  currency: null,
};

function serverOf(address: string): ServerView {
  const url = new URL(address);
  const host = url.hostname;
  const leaves = !['127.0.0.1', 'localhost'].includes(host);
  return {
    url: address.split('#')[0] ?? address,
    host,
    model: url.hash.slice(1) || null,
    leaves_machine: leaves,
    encrypted: url.protocol === 'https:',
    allowed: !leaves || simulation.hosts.has(host),
    stored: simulation.servers.includes(address),
    options: simulation.serverOptions.get(address) ?? PLAIN,
    software: 'vLLM',
    version: '0.12.0',
    quantization: 'mxfp4',
    repeats: false,
  };
}

export function serverModel(address: string): ModelView {
  const server = serverOf(address);
  return {
    id: address,
    name: server.model ?? address,
    demonstration: false,
    path: address,
    digest: hash(address),
    device: `vLLM · ${server.host}`,
    bytes: 0,
    context_tokens: 131_072,
    problem: null,
    server,
  };
}

export function checkLeave(address: string) {
  const server = serverOf(address);
  if (!server.allowed)
    fail('consent', `Policies and cases would leave this machine, for ${server.host}.`);
}

export async function addServer(address: string, options: ServerOptions) {
  const { concurrency } = options;
  if (concurrency !== null && !(concurrency >= 1 && concurrency <= 1024))
    fail('input', 'Requests in flight are 1 to 1024.');
  simulation.serverOptions.set(address, options);
  if (!simulation.servers.includes(address)) simulation.servers.push(address);
  return workspace();
}

export async function removeServer(address: string) {
  simulation.servers = simulation.servers.filter((entry) => entry !== address);
  return workspace();
}

export async function serverModels(address: string): Promise<FoundModel[]> {
  checkLeave(address);
  const id = 'gpt-oss-safeguard-20b';
  return later([{ id, address: `${address}#${id}`, context_tokens: 131_072 }]);
}

export async function testServer(address: string): Promise<ServerCheck> {
  checkLeave(address);
  return later({ server: serverOf(address), elapsed_ms: 84 });
}

export async function setServerKey(_address: string, key: string | null) {
  return later(key === null ? 'The key is removed.' : 'The key is in the system’s keychain.');
}

export async function decideHost(name: string, allowed: boolean, _plainHttp: boolean) {
  if (allowed) simulation.hosts.add(name);
  else simulation.hosts.delete(name);
  return workspace();
}
