// How figures are written. Nothing here computes one.

import { i18n } from '../messages/index.svelte';

/** A rate between 0 and 1 as `.94`; `–` where it does not exist. */
export function rate(value: number | null | undefined): string {
  if (value === null || value === undefined) return '–';
  const text = value.toFixed(2);
  return text.startsWith('0.') ? text.slice(1) : text;
}

/** A difference of rates as `+.02`, `−.03` or `±0`. */
export function delta(value: number): string {
  const size = Math.abs(value).toFixed(2);
  if (size === '0.00') return '±0';
  const digits = size.startsWith('0.') ? size.slice(1) : size;
  return (value > 0 ? '+' : '−') + digits;
}

export function margin(value: number | null | undefined): string {
  if (value === null || value === undefined) return '–';
  return (value < 0 ? '−' : '+') + Math.abs(value).toFixed(1);
}

export function pValue(value: number): string {
  if (value < 0.001) return '< .001';
  return rate(value) === '1.00' ? '1' : value < 0.1 ? value.toFixed(3).slice(1) : rate(value);
}

export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export function count(value: number): string {
  return Math.round(value).toLocaleString(i18n.tag);
}

const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** Sizes in binary units, as the system's tools give them: `12.8 GiB`. */
export function bytes(value: number): string {
  let unit = 0;
  let size = value;
  while (size >= 1024 && unit < BYTE_UNITS.length - 1) {
    size /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || size >= 100 ? 0 : size >= 10 ? 1 : 2;
  return `${size.toFixed(digits)} ${BYTE_UNITS[unit]}`;
}

export function shortHash(hash: string): string {
  return hash.slice(0, 7);
}

/** When a run began, as near as a reader needs it: `14:02`, `yesterday 14:02`, `3 Mar 14:02`. */
export function moment(atMs: number, nowMs: number = Date.now()): string {
  const at = new Date(atMs);
  const now = new Date(nowMs);
  const time = at.toLocaleTimeString(i18n.tag, {
    hour: '2-digit',
    minute: '2-digit',
    hour12: false,
  });
  const midnight = new Date(now.getFullYear(), now.getMonth(), now.getDate()).getTime();
  if (atMs >= midnight) return nowMs - atMs < 60_000 ? i18n.m.justNow : `${i18n.m.today} ${time}`;
  if (atMs >= midnight - 86_400_000) return `${i18n.m.yesterday} ${time}`;
  const day = at.toLocaleDateString(i18n.tag, { day: 'numeric', month: 'short' });
  return `${day} ${time}`;
}

/** Where a margin stands on its bar, from 0 (safe) to 1 (violates). */
export function marginPosition(value: number): number {
  return 0.5 + 0.5 * Math.tanh(value / 6);
}

/** An amount of money with the digits that matter; what a case costs is a fraction of a cent. */
export function money(value: number): string {
  return value.toLocaleString(i18n.tag, { maximumSignificantDigits: 3 });
}
