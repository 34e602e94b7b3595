import { expect, it, vi } from 'vitest';
import { en } from '../../messages/en';
import { standaloneSvg } from '../../lib/colours';
import { simulation } from '../../testing/simulated/api';
import { drawCurves } from './curves';

it('draws a curve for each chosen metric, and leaves as a picture of its own', () => {
  const runs = simulation.runs
    .filter((run) => run.summary.state === 'finished')
    .map((run) => run.summary);
  const svg = drawCurves(runs, new Set(['precision', 'f1']), runs[1]?.run ?? null, 600, en);
  document.body.append(svg);
  expect(svg.querySelectorAll('[aria-label=line] path')).toHaveLength(2);
  // F1 has no interval of its own in a summary, so it has no band.
  expect(svg.querySelectorAll('[aria-label=area] path')).toHaveLength(1);
  expect(svg.textContent).toContain('Baseline');
  expect(svg.querySelector('title')?.textContent).toContain('95 % interval');
  // jsdom resolves no custom properties.
  vi.spyOn(window, 'getComputedStyle').mockReturnValue({
    color: 'rgb(1, 2, 3)',
  } as CSSStyleDeclaration);
  const text = standaloneSvg(svg);
  vi.restoreAllMocks();
  expect(text.startsWith('<svg')).toBe(true);
  expect(text).not.toContain('var(');
  expect(text).not.toContain('currentColor');
});
