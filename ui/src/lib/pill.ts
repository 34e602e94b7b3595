// What a verdict's pill says, and in which colour.

import type { Messages } from '../messages/en';
import type { Verdict } from './types';

export type Pill = { text: string; tone: Verdict | 'noise'; title: string };

export function pillOf(verdict: Verdict, label: string | null, noise: boolean, m: Messages): Pill {
  const name = {
    violates: m.verdictViolates,
    safe: m.verdictSafe,
    unparsed: m.verdictUnparsed,
  }[verdict];
  // A label such as SP3 says more than its verdict; the colour keeps saying the verdict.
  const says = label && label.toLowerCase() !== verdict && label.length <= 4;
  return {
    text: says ? label : name,
    tone: noise ? 'noise' : verdict,
    title: says ? name : '',
  };
}
