// The inspector's form: a case as text fields, and back.

import { splitList } from '../lib/cases';
import type { Case, CaseKind, Content, Expected, Turn } from '../lib/types';

export class CaseForm {
  id: string;
  text: string;
  turns: Turn[];
  kind: CaseKind;
  expected: Expected | '';
  label: string;
  rules: string;
  tags: string;
  language: string;
  note: string;
  owner: string;
  readonly annotations: Case['annotations'];

  constructor(item: Case) {
    const { content } = item;
    this.annotations = item.annotations;
    this.id = $state(item.id);
    this.text = $state(typeof content === 'string' ? content : '');
    this.turns = $state(
      typeof content === 'string'
        ? []
        : content.map((turn) => ({ role: turn.role, text: turn.text })),
    );
    this.kind = $state(item.kind);
    this.expected = $state(item.expected ?? '');
    this.label = $state(item.label ?? '');
    this.rules = $state((item.rules ?? []).join(', '));
    this.tags = $state((item.tags ?? []).join(', '));
    this.language = $state(item.language ?? '');
    this.note = $state(item.note ?? '');
    this.owner = $state(item.owner ?? '');
  }

  /** Turns are written as turns, and everything else as one text. */
  get asTurns(): boolean {
    return this.kind === 'conversation';
  }

  setKind(kind: CaseKind) {
    if (kind === 'conversation' && this.turns.length === 0) {
      this.turns = [{ role: 'user', text: this.text }];
    } else if (kind !== 'conversation' && this.text === '') {
      this.text = this.turns.map((turn) => turn.text).join('\n\n');
    }
    this.kind = kind;
  }

  addTurn() {
    const last = this.turns.at(-1)?.role;
    this.turns.push({ role: last === 'user' ? 'assistant' : 'user', text: '' });
  }

  toCase(): Case {
    const content: Content = this.asTurns
      ? this.turns
          .map(({ role, text }) => ({ role, text }))
          .filter((turn) => turn.text.trim() !== '')
      : this.text;
    const orNone = (text: string) => (text.trim() === '' ? undefined : text.trim());
    return {
      id: this.id.trim(),
      content,
      kind: this.kind,
      expected: this.expected === '' ? undefined : this.expected,
      label: orNone(this.label),
      rules: splitList(this.rules),
      tags: splitList(this.tags),
      language: orNone(this.language),
      note: orNone(this.note),
      owner: orNone(this.owner),
      annotations: this.annotations,
    };
  }
}
