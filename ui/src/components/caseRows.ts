// The rows of the cases table, drawn by hand: a few elements that are filled anew when
// other cases come into sight, and touched only where something else is to be seen.
// Components for each row took most of a frame to make and to throw away.

import { certaintyText, certaintyWord, isUntested } from '../lib/certainty';
import { margin, marginPosition } from '../lib/format';
import { pillOf } from '../lib/pill';
import type { CaseRow } from '../lib/types';
import type { Messages } from '../messages/en';
import { paths } from './Icon.svelte';

export const ROW_HEIGHT = 30;

/** What is to be seen on one line. */
export type Line = {
  index: number;
  row: CaseRow;
  /** What the row said in the run before; shown, dimmed, until it is judged again. */
  last: CaseRow | undefined;
  busy: boolean;
  selected: boolean;
};

const MARGIN_BAR_WIDTH = 72;
/** Elements made ahead, for lines that are in sight in part. */
const SPARE = 6;

function element(parent: Element, tag: string, className: string): HTMLElement {
  const made = document.createElement(tag);
  made.className = className;
  parent.append(made);
  return made;
}

function cell(row: Element, className: string): HTMLElement {
  const made = element(row, 'span', `cell ${className}`);
  made.setAttribute('role', 'gridcell');
  return made;
}

function icon(parent: Element, path: string): HTMLElement {
  const holder = element(parent, 'span', 'kind');
  holder.innerHTML = `<svg width="13" height="13" viewBox="0 0 16 16" aria-hidden="true"><path d="${path}"/></svg>`;
  return holder;
}

/** Each sets what differs alone: the page then has nothing to compute for the rest. */
const text = (of: HTMLElement, value: string) => {
  const node = of.firstChild as Text | null;
  if (!node) of.textContent = value;
  else if (node.data !== value) node.data = value;
};
const cls = (of: HTMLElement, value: string) => {
  if (of.className !== value) of.className = value;
};
const hide = (of: HTMLElement, hidden: boolean) => {
  if (of.hidden !== hidden) of.hidden = hidden;
};
const attribute = (of: HTMLElement, name: string, value: string) => {
  if ((of.getAttribute(name) ?? '') === value) return;
  if (value === '') of.removeAttribute(name);
  else of.setAttribute(name, value);
};
const data = (of: HTMLElement, name: string, value: string) => {
  if (of.dataset[name] !== value) of.dataset[name] = value;
};

class RowElement {
  readonly root = document.createElement('div');
  #shown: Line | null = null;
  #language: Messages | null = null;

  readonly #verdict: HTMLElement;
  readonly #pill: HTMLElement;
  readonly #waiting: HTMLElement;
  readonly #none: HTMLElement;
  readonly #preview: HTMLElement;
  readonly #certainty: HTMLElement;
  readonly #flip: HTMLElement;
  readonly #expectedPill: HTMLElement;
  readonly #wrong: HTMLElement;
  readonly #expected: HTMLElement;
  readonly #margin: HTMLElement;
  readonly #bar: HTMLElement;
  readonly #tick: HTMLElement;
  readonly #mark: HTMLElement;
  readonly #excerpt: HTMLElement;
  readonly #chat: HTMLElement;
  readonly #model: HTMLElement;
  readonly #text: HTMLElement;
  readonly #rule: HTMLElement;
  readonly #tags: HTMLElement;

  constructor() {
    const { root } = this;
    root.setAttribute('role', 'row');
    root.dataset.testid = 'case-row';
    this.#verdict = cell(root, 'verdict');
    this.#verdict.dataset.testid = 'verdict';
    this.#pill = element(this.#verdict, 'span', '');
    this.#waiting = element(this.#verdict, 'span', 'waiting');
    this.#none = element(this.#verdict, 'span', 'faint');
    this.#none.textContent = '–';
    this.#preview = element(this.#verdict, 'span', 'preview-mark');
    this.#certainty = element(this.#verdict, 'span', 'certainty');
    this.#flip = element(this.#verdict, 'span', 'sr-only');
    const expected = cell(root, '');
    this.#expectedPill = element(expected, 'span', '');
    this.#wrong = element(expected, 'span', 'sr-only');
    this.#expected = element(expected, 'span', 'expected');
    this.#margin = cell(root, '');
    this.#bar = element(this.#margin, 'span', 'margin-bar');
    element(this.#bar, 'span', 'middle');
    this.#tick = element(this.#bar, 'span', 'tick');
    this.#mark = element(this.#bar, 'span', 'mark');
    this.#excerpt = cell(root, 'excerpt');
    this.#chat = icon(this.#excerpt, paths.chat);
    this.#model = icon(this.#excerpt, paths.model);
    this.#text = element(this.#excerpt, 'bdi', 'text');
    this.#text.dir = 'auto';
    this.#rule = cell(root, 'rule');
    this.#tags = cell(root, 'tags');
  }

  get id(): string | undefined {
    return this.#shown?.row.case;
  }

  show(line: Line, m: Messages) {
    const before = this.#shown;
    if (before?.index !== line.index) {
      this.root.style.transform = `translateY(${line.index * ROW_HEIGHT}px)`;
      this.root.setAttribute('aria-rowindex', String(line.index + 2));
    }
    if (before?.selected !== line.selected) {
      this.root.setAttribute('aria-selected', String(line.selected));
    }
    const { row, last, busy } = line;
    const noise = row.certainty === 'noise' ? ' noise' : '';
    cls(this.root, `case-line grid ${row.flip ?? ''}${noise}${line.selected ? ' selected' : ''}`);
    this.#shown = line;
    const same =
      before?.row === row && before.last === last && before.busy === busy && this.#language === m;
    if (same) return;
    this.#language = m;
    if (before?.row.case !== row.case) {
      this.root.id = `case-${row.case}`;
      this.root.dataset.case = row.case;
    }
    data(this.root, 'flip', row.flip ?? '');
    this.#showVerdict(line, m);
    this.#showExpected(row, m);
    this.#showMargin(line, m);
    this.#showExcerpt(row, m);
    const seen = row.verdict === null ? last : row;
    const rules = seen?.rules ?? [];
    cls(this.#rule, `cell rule${row.verdict === null ? ' stale' : ''}`);
    text(this.#rule, rules.join(' '));
    attribute(this.#rule, 'title', rules.join(', '));
    const tags = row.tags.join(', ');
    text(this.#tags, tags);
    attribute(this.#tags, 'title', tags);
  }

  #showVerdict({ row, last, busy }: Line, m: Messages) {
    const preview = row.verdict === null ? row.preview : undefined;
    const seen = preview ?? (row.verdict === null ? last : row);
    const label = preview ? null : ((row.verdict === null ? last : row)?.label ?? null);
    const names = { fixed: m.flipFixed, broken: m.flipBroken, changed: m.flipChanged };
    data(this.#verdict, 'verdict', row.verdict ?? '');
    attribute(
      this.#verdict,
      'title',
      row.flip ? `${names[row.flip]}. ${certaintyText(row, m)}` : (row.unparsed_reason ?? ''),
    );
    hide(this.#pill, !seen?.verdict);
    hide(this.#waiting, seen?.verdict != null || !busy);
    hide(this.#none, seen?.verdict != null || busy);
    if (seen?.verdict) {
      const pill = pillOf(seen.verdict, label, row.certainty === 'noise', m);
      const name = pill.title || pill.text;
      const stale = row.verdict === null;
      cls(this.#pill, `pill ${pill.tone}${preview ? ' preview' : stale ? ' stale' : ''}`);
      text(this.#pill, pill.text);
      const before = stale ? m.verdictStale(name) : pill.title;
      attribute(this.#pill, 'title', preview ? m.verdictPreview(name) : before);
    } else {
      attribute(busy ? this.#waiting : this.#none, 'title', m.verdictPending);
    }
    hide(this.#preview, !preview);
    if (preview) text(this.#preview, m.preview);
    hide(this.#certainty, row.flip === null);
    hide(this.#flip, row.flip === null);
    if (row.flip) {
      const untested = isUntested(row) ? ' untested' : '';
      cls(this.#certainty, `certainty ${row.certainty ?? ''}${untested}`);
      text(this.#certainty, certaintyWord(row, m));
      text(this.#flip, names[row.flip]);
    }
  }

  #showExpected(row: CaseRow, m: Messages) {
    const wrong = row.expected !== null && row.correct === false;
    hide(this.#expectedPill, !wrong);
    hide(this.#wrong, !wrong);
    hide(this.#expected, wrong);
    if (row.expected && wrong) {
      const pill = pillOf(row.expected, row.expected_label, false, m);
      cls(this.#expectedPill, `pill ${pill.tone}`);
      text(this.#expectedPill, pill.text);
      attribute(this.#expectedPill, 'title', pill.title);
      text(this.#wrong, m.wrong);
      return;
    }
    const faint = [row.expected, row.verdict].includes(null) ? ' faint' : '';
    cls(this.#expected, `expected${faint}`);
    const label = row.expected_label;
    const name = row.expected === 'violates' ? m.verdictViolates : m.verdictSafe;
    text(this.#expected, row.expected === null ? '–' : label && label.length <= 4 ? label : name);
  }

  #showMargin({ row, last }: Line, m: Messages) {
    const value = (row.verdict === null ? (row.preview ?? last) : row)?.margin ?? null;
    const before = row.before?.margin ?? null;
    cls(this.#margin, `cell${row.verdict === null ? ' stale' : ''}`);
    cls(this.#bar, `margin-bar${value === null ? ' empty' : ''}`);
    const parts = value === null ? [] : [m.marginValue(margin(value))];
    if (value !== null && before !== null) parts.push(m.marginBefore(margin(before)));
    attribute(this.#bar, 'title', parts.join(', '));
    const place = (of: HTMLElement, at: number | null) => {
      hide(of, at === null);
      if (at === null) return;
      const transform = `translateX(${(marginPosition(at) * MARGIN_BAR_WIDTH).toFixed(1)}px)`;
      if (of.style.transform !== transform) of.style.transform = transform;
    };
    place(this.#tick, before);
    place(this.#mark, value);
  }

  #showExcerpt(row: CaseRow, m: Messages) {
    attribute(this.#excerpt, 'title', row.excerpt);
    hide(this.#chat, row.kind !== 'conversation');
    hide(this.#model, row.kind !== 'model_output');
    if (row.kind === 'conversation') attribute(this.#chat, 'title', m.kindConversation);
    if (row.kind === 'model_output') attribute(this.#model, 'title', m.kindModelOutput);
    attribute(this.#text, 'lang', row.language ?? '');
    text(this.#text, row.excerpt);
  }
}

export class CaseRows {
  readonly #parent: HTMLElement;
  #slots: RowElement[] = [];

  constructor(parent: HTMLElement) {
    this.#parent = parent;
  }

  /** Draws these lines and no others. A line keeps its element while it is in sight. */
  show(lines: readonly Line[], m: Messages) {
    // Headings stand between lines, so that they may span more places than they are.
    const span = (lines.at(-1)?.index ?? -1) - (lines[0]?.index ?? 0) + 1;
    if (this.#slots.length < span) {
      // More are in sight than ever: their places are dealt out anew.
      for (const slot of this.#slots) slot.root.remove();
      while (this.#slots.length < span + SPARE) this.#slots.push(new RowElement());
    }
    const used = new Set<RowElement>();
    for (const line of lines) {
      const slot = this.#slots[line.index % this.#slots.length] as RowElement;
      slot.show(line, m);
      used.add(slot);
      if (!slot.root.isConnected) this.#insert(slot);
    }
    for (const slot of this.#slots)
      if (!used.has(slot) && slot.root.isConnected) slot.root.remove();
  }

  /** The case of an event's target. */
  caseAt(target: EventTarget | null): string | undefined {
    const row = target instanceof Element ? target.closest<HTMLElement>('.case-line') : null;
    return row?.dataset.case;
  }

  /** In the order of the slots, which at the top of the list is that of the lines. */
  #insert(slot: RowElement) {
    const at = this.#slots.indexOf(slot);
    const next = this.#slots.slice(at + 1).find((other) => other.root.isConnected);
    this.#parent.insertBefore(slot.root, next?.root ?? null);
  }
}
