// How gates are worded. What they come to is computed in Rust.

import type { Messages } from '../messages/en';
import type { Gap, Gate, GateResult, Metric } from './types';

export function metricName(m: Messages, metric: Metric): string {
  const names: Record<Metric, string> = {
    precision: m.precision,
    recall: m.recall,
    f1: m.f1,
    false_positive_rate: m.falsePositiveRateLong,
    false_negative_rate: m.falseNegativeRate,
    kappa: m.kappa,
    mcc: m.mcc,
    regressions: m.regressions,
    unparsed: m.unparsedReplies,
    cases_per_label: m.casesPerLabel,
  };
  return names[metric];
}

/** How the metric is written: a share, a coefficient or a count. */
const FORMS: Record<Metric, 'share' | 'coefficient' | 'count'> = {
  precision: 'share',
  recall: 'share',
  f1: 'coefficient',
  false_positive_rate: 'share',
  false_negative_rate: 'share',
  kappa: 'coefficient',
  mcc: 'coefficient',
  regressions: 'count',
  unparsed: 'count',
  cases_per_label: 'count',
};

const digits = (value: number, most: number) =>
  String(Number(value.toFixed(most))).replace('-', '−');

/** A value with its unit; beside a bound that it misses by little, with more digits. */
export function gateValue(metric: Metric, value: number, bound?: number): string {
  const write = (number: number, more: number) => {
    switch (FORMS[metric]) {
      case 'share':
        return `${digits(number * 100, 1 + more)} %`;
      case 'coefficient':
        return digits(number, 3 + more);
      case 'count':
        return digits(number, 0);
    }
  };
  const short = write(value, 0);
  const same = bound !== undefined && value !== bound && short === write(bound, 0);
  return same ? write(value, 5) : short;
}

export function boundText(m: Messages, gate: Gate): string {
  const bound = gateValue(gate.metric, gate.bound);
  return gate.side === 'at_least' ? m.atLeast(bound) : m.atMost(bound);
}

export function scopeText(m: Messages, gate: Gate): string {
  switch (gate.scope.kind) {
    case 'suite':
      return '';
    case 'label':
      return m.scopeLabel(gate.scope.label);
    case 'tag':
      return m.scopeTag(gate.scope.tag);
  }
}

export function gateTitle(m: Messages, gate: Gate): string {
  const scope = scopeText(m, gate);
  const title = `${metricName(m, gate.metric)} ${boundText(m, gate)}`;
  return scope === '' ? title : `${scope} · ${title}`;
}

export function gapText(m: Messages, gap: Gap): string {
  return {
    no_baseline: m.gapNoBaseline,
    nothing_judged: m.gapNothingJudged,
    one_sided: m.gapOneSided,
  }[gap];
}

/** Where value and bound stand on a bar from 0 to 1; counts have none. */
export function meter(result: GateResult): { value: number | null; bound: number } | null {
  const form = FORMS[result.gate.metric];
  if (form === 'count') return null;
  const place = (value: number) => Math.min(1, Math.max(0, value));
  return {
    value: result.value === null ? null : place(result.value),
    bound: place(result.gate.bound),
  };
}
