// The gutter beside clauses: how many traces cite each, how many cases it decides, how
// many of those wrongly, and below, whether with one verdict or both. Hovering explains;
// a click shows the cases.

import { StateEffect, StateField, type EditorState, type Extension } from '@codemirror/state';
import { gutter, GutterMarker, type EditorView } from '@codemirror/view';
import { i18n } from '../messages/index.svelte';
import type { ClauseFigures, Standing } from '../lib/types';
import { clauseField, setClauses } from './clauses';

export const setFigures = StateEffect.define<readonly ClauseFigures[] | null>();

const figuresField = StateField.define<ReadonlyMap<string, ClauseFigures> | null>({
  create: () => null,
  update(figures, transaction) {
    for (const effect of transaction.effects) {
      if (effect.is(setFigures)) {
        return effect.value && new Map(effect.value.map((entry) => [entry.clause, entry]));
      }
    }
    return figures;
  },
});

/** What the badge of a clause says: its failing cases where there are any, else its citations. */
export type Badge = { tone: 'failing' | 'cited' | 'unused'; count: number; deciding: boolean };

export function badgeOf(figures: ClauseFigures | undefined): Badge {
  if (!figures || figures.cited + figures.deciding === 0) {
    return { tone: 'unused', count: 0, deciding: false };
  }
  const deciding = figures.deciding > 0;
  if (figures.failing > 0) return { tone: 'failing', count: figures.failing, deciding };
  return { tone: 'cited', count: figures.cited, deciding };
}

function explain(figures: ClauseFigures | undefined): string {
  const m = i18n.m;
  if (!figures || figures.cited + figures.deciding === 0) return m.clauseUnused;
  const parts = [m.clauseCited(figures.cited), m.clauseDeciding(figures.deciding)];
  if (figures.failing > 0) parts.push(m.clauseFailing(figures.failing));
  if (figures.near_misses > 0) parts.push(m.nearMisses(figures.near_misses));
  const standings = {
    uncovered: m.standingUncovered,
    named: m.standingNamed,
    one_sided: m.standingOneSided,
    both_polarities: m.standingBoth,
  };
  parts.push(standings[figures.standing]);
  return parts.join('\n');
}

class ClauseMarker extends GutterMarker {
  readonly id: string;
  readonly badge: Badge;
  readonly tip: string;
  readonly standing: Standing;

  constructor(id: string, badge: Badge, tip: string, standing: Standing) {
    super();
    this.id = id;
    this.badge = badge;
    this.tip = tip;
    this.standing = standing;
  }

  override eq(other: GutterMarker): boolean {
    return other instanceof ClauseMarker && other.id === this.id && other.tip === this.tip;
  }

  override toDOM(): HTMLElement {
    const { tone, count, deciding } = this.badge;
    const badge = document.createElement('span');
    badge.className = `cm-clause-badge cm-clause-${tone}${deciding ? ' cm-clause-deciding' : ''}`;
    badge.textContent = tone === 'failing' ? `${count}×` : tone === 'cited' ? String(count) : '·';
    badge.dataset.clause = this.id;
    badge.dataset.standing = this.standing;
    badge.dataset.tip = `${this.id}: ${this.tip}\n${i18n.m.clauseShow}`;
    badge.setAttribute('role', 'img');
    badge.setAttribute('aria-label', `${this.id}: ${this.tip.replaceAll('\n', ', ')}`);
    return badge;
  }
}

/** The markers of one line, deciding that line's badge; exported for its test. */
export function clauseAt(state: EditorState, lineFrom: number): string | null {
  return state.field(clauseField).find((placed) => placed.from === lineFrom)?.clause.id ?? null;
}

export function clauseGutter(onOpen: (clause: string) => void): Extension {
  const markerOf = (view: EditorView, lineFrom: number): ClauseMarker | null => {
    const figures = view.state.field(figuresField);
    const id = clauseAt(view.state, lineFrom);
    if (id === null || figures === null) return null;
    const entry = figures.get(id);
    return new ClauseMarker(id, badgeOf(entry), explain(entry), entry?.standing ?? 'uncovered');
  };
  return [
    figuresField,
    gutter({
      class: 'cm-clause-gutter',
      lineMarker: (view, line) => markerOf(view, line.from),
      lineMarkerChange: (update) =>
        update.transactions.some((transaction) =>
          transaction.effects.some((effect) => effect.is(setFigures) || effect.is(setClauses)),
        ),
      domEventHandlers: {
        click(view, line) {
          const id = clauseAt(view.state, line.from);
          if (id === null || view.state.field(figuresField) === null) return false;
          onOpen(id);
          return true;
        },
      },
    }),
  ];
}
