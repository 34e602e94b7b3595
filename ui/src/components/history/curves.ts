// Metrics over runs as an SVG, drawn by Observable Plot in the tokens' colours. The figures
// come from the studio; here they are only placed.

import * as Plot from '@observablehq/plot';
import type { Metrics, Rate, RunSummary } from '../../lib/types';
import { rate } from '../../lib/format';
import type { Messages } from '../../messages/en';

/** A curve: its colour and dash tell it apart in either theme and without colour. */
type Curve = {
  id: 'precision' | 'recall' | 'f1' | 'false_positive_rate' | 'accuracy';
  colour: string;
  dash: string;
  of: (metrics: Metrics) => Rate | number | null;
};

export const CURVES: readonly Curve[] = [
  { id: 'precision', colour: 'var(--accent)', dash: '', of: (of) => of.precision },
  { id: 'recall', colour: 'var(--cite)', dash: '7 3', of: (of) => of.recall },
  { id: 'f1', colour: 'var(--ink)', dash: '', of: (of) => of.f1 },
  {
    id: 'false_positive_rate',
    colour: 'var(--noise)',
    dash: '2 3',
    of: (of) => of.false_positive_rate,
  },
  { id: 'accuracy', colour: 'var(--edit)', dash: '9 3 2 3', of: (of) => of.accuracy },
];

type Point = { at: number; run: number; value: number; low: number | null; high: number | null };

function points(runs: readonly RunSummary[], curve: Curve): Point[] {
  return runs.flatMap((run, at): Point[] => {
    const found = curve.of(run.metrics);
    if (found === null) return [];
    if (typeof found === 'number')
      return [{ at, run: run.run, value: found, low: null, high: null }];
    return [{ at, run: run.run, value: found.value, low: found.low, high: found.high }];
  });
}

/** Runs oldest first. */
export function drawCurves(
  runs: readonly RunSummary[],
  shown: ReadonlySet<string>,
  baseline: number | null,
  width: number,
  m: Messages,
): SVGSVGElement {
  const curves = CURVES.filter((curve) => shown.has(curve.id));
  const marks: Plot.Markish[] = [Plot.gridY({ stroke: 'var(--line)', strokeOpacity: 1 })];
  const base = runs.findIndex((run) => run.run === baseline);
  if (base >= 0)
    marks.push(
      Plot.ruleX([base], { stroke: 'var(--line-strong)', strokeDasharray: '3 3' }),
      Plot.text([base], {
        x: (at: number) => at,
        frameAnchor: 'top',
        dy: -12,
        text: () => m.baseline,
        fill: 'var(--mute)',
      }),
    );
  for (const curve of curves) {
    const data = points(runs, curve);
    const banded = data.filter((point) => point.low !== null);
    marks.push(
      Plot.areaY(banded, { x: 'at', y1: 'low', y2: 'high', fill: curve.colour, fillOpacity: 0.08 }),
      Plot.lineY(data, {
        x: 'at',
        y: 'value',
        stroke: curve.colour,
        strokeWidth: 1.8,
        strokeDasharray: curve.dash || undefined,
      }),
      Plot.dot(data, {
        x: 'at',
        y: 'value',
        r: 2.6,
        fill: curve.colour,
        title: (point: Point) =>
          [
            `${m.runNumber(point.run)}: ${m.measureNames(curve.id)} ${rate(point.value)}`,
            point.low === null || point.high === null
              ? ''
              : m.interval(rate(point.low), rate(point.high)),
          ]
            .filter(Boolean)
            .join('\n'),
      }),
    );
  }
  const every = Math.max(1, Math.ceil(runs.length / Math.max(2, Math.floor(width / 90))));
  const ticks = runs.map((_, at) => at).filter((at) => at % every === 0 || at === runs.length - 1);
  return Plot.plot({
    width,
    height: 240,
    marginLeft: 40,
    marginRight: 16,
    marginTop: 26,
    ariaLabel: m.historyCurves,
    style: { color: 'var(--mute)', background: 'none', fontSize: '11px', fontFamily: 'inherit' },
    x: {
      domain: [-0.3, Math.max(1, runs.length - 1) + 0.3],
      ticks,
      tickFormat: (at: number) => String(runs[at]?.run ?? ''),
      label: m.historyRuns,
      labelArrow: 'none',
    },
    y: { domain: [0, 1], ticks: 5, tickFormat: (value: number) => rate(value), label: null },
    marks,
  }) as SVGSVGElement;
}

/** Puts a drawing where an earlier one was. */
export function place(host: Element, drawing: SVGSVGElement) {
  host.replaceChildren(drawing);
}
