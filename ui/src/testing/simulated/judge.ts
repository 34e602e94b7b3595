// A stand-in for the model and for what Rust computes, so that the page can be tried in
// a plain browser. It reads a policy's clauses and pretends. Never part of the app.

import type {
  Case,
  CaseRow,
  ChangedLines,
  Citation,
  Clause,
  ClauseFigures,
  DiffPart,
  Expected,
  Figures,
  Metrics,
  MetricsDelta,
  PolicyAnalysis,
  Problem,
  Rate,
} from '../../lib/types';
import { fromCase, plainText } from '../../lib/cases';

export function hash(text: string): string {
  let out = '';
  for (let salt = 0; salt < 8; salt++) {
    let h = 2166136261 ^ (salt * 97);
    for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 16777619);
    out += (h >>> 0).toString(16).padStart(8, '0');
  }
  return out;
}

const unit = (text: string) => parseInt(hash(text).slice(0, 6), 16) / 0xffffff;

export function clausesOf(text: string): Clause[] {
  return text.split('\n').flatMap((line, at) => {
    const match = /^\s*[-*]\s+([A-Z]{1,3}\d+(?:\.[a-z])?|\d+\.\d+)\s+(.*)$/.exec(line);
    return match
      ? [
          {
            id: match[1] ?? '',
            explicit: true,
            line_start: at + 1,
            line_end: at + 1,
            text: match[2] ?? '',
          },
        ]
      : [];
  });
}

export function changedLines(before: string, after: string): ChangedLines[] {
  const old = before.split('\n');
  const now = after.split('\n');
  let head = 0;
  while (head < old.length && head < now.length && old[head] === now[head]) head++;
  let tail = 0;
  while (
    tail < old.length - head &&
    tail < now.length - head &&
    old.at(-1 - tail) === now.at(-1 - tail)
  )
    tail++;
  const start = head + 1;
  const end = now.length - tail;
  if (start > end && old.length === now.length) return [];
  const kind = end < start ? 'removed' : old.length - tail <= head ? 'added' : 'changed';
  return [{ start, end, kind }];
}

export function analysisOf(
  file: string,
  text: string,
  baselineText: string | null,
): PolicyAnalysis {
  const problems: Problem[] = [];
  const body = text.replace(/^---\n[\s\S]*?\n---\n/, '');
  if (!text.startsWith('---')) {
    problems.push({
      severity: 'error',
      file,
      line: 1,
      message:
        'The front matter is missing: begin the file with a line `---`, then id, title and output.',
    });
  }
  if (body.trim() === '') {
    problems.push({
      severity: 'error',
      file,
      line: null,
      message:
        'The policy has no text below its front matter. Write what the model should judge by.',
    });
  }
  text.split('\n').forEach((line, at) => {
    if (/\b(generally|usually|etc)\b/i.test(line)) {
      problems.push({
        severity: 'warning',
        file,
        line: at + 1,
        message: 'A vague word: say when the rule applies and when it does not.',
      });
    }
  });
  const broken = problems.some((problem) => problem.severity === 'error');
  return {
    revision: broken ? null : hash(body.trim()),
    title: /^title: (.*)$/m.exec(text)?.[1] ?? file,
    output: broken
      ? null
      : {
          kind: 'label',
          labels: [
            ['VIOLATES', 'violates'],
            ['SAFE', 'safe'],
          ],
        },
    effort: /^effort: medium$/m.test(text) ? 'medium' : 'low',
    clauses: clausesOf(text),
    changed_lines: baselineText === null ? [] : changedLines(baselineText, text),
    problems,
  };
}

export type Judgement = { row: CaseRow; trace: string; answer: string };

/** A verdict that follows the expectation mostly, and the policy's wording sometimes. */
export function judge(item: Case, policy: string): Judgement {
  const text = plainText(item.content);
  const clauses = clausesOf(policy);
  const strict = /cigars? included|price|contact/i.test(policy) ? 0.25 : 0;
  const luck = unit(item.id + text.slice(0, 12));
  const wobble = unit(item.id + hash(policy)) * 0.06;
  const expected = item.expected ?? 'safe';
  const cultural = item.tags?.includes('culture') || item.tags?.includes('hard');
  let violates = expected === 'violates' ? luck + wobble > 0.07 : luck + wobble > 0.95;
  if (strict && cultural) violates = /price|each|ask|DM|offer/i.test(text) || luck > 0.8;
  const verdict: Expected = violates ? 'violates' : 'safe';
  const near = item.tags?.includes('hard');
  const size = (near ? 0.4 : 2.5) + luck * (near ? 2 : 6);
  const half = Math.ceil(clauses.length / 2);
  const pick =
    clauses[violates ? Math.floor(luck * half) : half + Math.floor(luck * (clauses.length - half))];
  const other = clauses[violates ? clauses.length - 1 : 0];
  const rule = pick?.id ?? 'T1';
  const unparsed = unit(`${item.id}unparsed`) > 0.985;
  const trace = [
    `The content is ${item.kind === 'conversation' ? 'a conversation' : 'a single message'}: “${text.slice(0, 60)}”.`,
    other
      ? `${other.id} could apply, since it says “${other.text.slice(0, 50)}”, but nothing in the text meets its condition.`
      : '',
    `${rule} matches: “${(pick?.text ?? '').slice(0, 60)}”.`,
    strict && cultural
      ? 'The new condition about a price or contact decides. T9 is not relevant here.'
      : '',
    `So the answer is ${verdict.toUpperCase()} under ${rule}.`,
  ]
    .filter(Boolean)
    .join(' ');
  return {
    trace,
    answer: unparsed
      ? 'I think this may be fine, though it depends.'
      : `${verdict.toUpperCase()} ${rule}`,
    row: {
      ...fromCase(item),
      verdict: unparsed ? 'unparsed' : verdict,
      unparsed_reason: unparsed ? 'the answer begins with none of the labels VIOLATES, SAFE' : null,
      label: unparsed ? null : verdict.toUpperCase(),
      rules: unparsed ? [] : [rule],
      margin: unparsed ? null : (violates ? 1 : -1) * size,
      correct: item.expected === undefined ? null : !unparsed && verdict === item.expected,
    },
  };
}

export function compare(row: CaseRow, before: CaseRow | undefined): CaseRow {
  if (!before?.verdict || !row.verdict)
    return { ...row, before: null, flip: null, certainty: null };
  const was = { verdict: before.verdict, label: before.label, margin: before.margin };
  if (was.verdict === row.verdict) return { ...row, before: was, flip: null, certainty: null };
  const flip =
    row.correct === null || row.correct === before.correct
      ? 'changed'
      : row.correct
        ? 'fixed'
        : 'broken';
  // No flip is certain before it is tested.
  return { ...row, before: was, flip, certainty: 'undecided' };
}

function wilson(hits: number, n: number): Rate | null {
  if (n === 0) return null;
  const z = 1.96;
  const p = hits / n;
  const mid = (p + (z * z) / (2 * n)) / (1 + (z * z) / n);
  const half = (z * Math.sqrt((p * (1 - p)) / n + (z * z) / (4 * n * n))) / (1 + (z * z) / n);
  return { value: p, low: mid - half, high: mid + half };
}

export function metricsOf(rows: readonly CaseRow[]): Metrics {
  let tp = 0,
    fp = 0,
    tn = 0,
    fn = 0,
    unparsed = 0,
    judged = 0;
  for (const row of rows) {
    if (!row.verdict || !row.expected) continue;
    judged++;
    if (row.verdict === 'unparsed') unparsed++;
    const right = row.verdict === row.expected;
    if (row.verdict === 'violates') [tp, fp] = right ? [tp + 1, fp] : [tp, fp + 1];
    else if (row.verdict === 'safe') [tn, fn] = right ? [tn + 1, fn] : [tn, fn + 1];
  }
  const precision = wilson(tp, tp + fp);
  const recall = wilson(tp, tp + fn);
  return {
    cases: rows.length,
    judged,
    unparsed,
    true_positives: tp,
    false_positives: fp,
    true_negatives: tn,
    false_negatives: fn,
    precision,
    recall,
    f1:
      precision && recall && precision.value + recall.value > 0
        ? (2 * precision.value * recall.value) / (precision.value + recall.value)
        : null,
    false_positive_rate: wilson(fp, fp + tn),
    accuracy: wilson(tp + tn, judged),
  };
}

const minus = (a: number | null | undefined, b: number | null | undefined) =>
  a == null || b == null ? null : a - b;

export function figuresOf(
  rows: readonly CaseRow[],
  base: readonly CaseRow[] | null,
  clauses: readonly Clause[],
): Figures {
  const metrics = metricsOf(rows);
  const baseline = base ? metricsOf(base) : null;
  const delta: MetricsDelta | null = baseline && {
    precision: minus(metrics.precision?.value, baseline.precision?.value),
    recall: minus(metrics.recall?.value, baseline.recall?.value),
    f1: minus(metrics.f1, baseline.f1),
    false_positive_rate: minus(
      metrics.false_positive_rate?.value,
      baseline.false_positive_rate?.value,
    ),
    accuracy: minus(metrics.accuracy?.value, baseline.accuracy?.value),
  };
  const flips = { fixed: 0, broken: 0, changed: 0 };
  for (const row of rows) if (row.flip) flips[row.flip]++;
  const figures: ClauseFigures[] = clauses.map((clause, at) => {
    const deciding = rows.filter((row) => row.rules[0] === clause.id);
    const cited = deciding.length + (deciding.length > 0 || at === 0 ? 2 : 0);
    return {
      clause: clause.id,
      cited,
      deciding: deciding.length,
      near_misses: deciding.filter((row) => Math.abs(row.margin ?? 9) < 1).length,
      standing: cited === 0 ? 'uncovered' : deciding.length === 0 ? 'named' : 'one_sided',
      failing: deciding.filter((row) => row.correct === false).length,
    };
  });
  const discordant = flips.fixed + flips.broken;
  return {
    metrics,
    baseline,
    delta,
    flips,
    clauses: figures,
    estimates:
      metrics.f1 === null
        ? []
        : [
            {
              measure: 'f1',
              value: metrics.f1,
              interval: {
                low: Math.max(0, metrics.f1 - 0.1),
                high: Math.min(1, metrics.f1 + 0.08),
                method: 'bootstrap',
              },
            },
          ],
    mcnemar_p: base
      ? Math.min(1, 2 ** (1 - Math.abs(flips.fixed - flips.broken)) / Math.max(1, discordant / 2))
      : null,
  };
}

export function citationsOf(trace: string, clauses: readonly Clause[]): Citation[] {
  const known = new Set(clauses.map((clause) => clause.id));
  return [...trace.matchAll(/\b(?:[A-Z]{1,2}\d+(?:\.[a-z])?|\d\.\d)\b/g)].map((match) => ({
    start: match.index,
    end: match.index + match[0].length,
    text: match[0],
    clause: known.has(match[0]) ? match[0] : null,
  }));
}

export function wordDiff(before: string, after: string): DiffPart[] {
  const a = before.split(/(?<=\s)/),
    b = after.split(/(?<=\s)/);
  const size = Array.from({ length: a.length + 1 }, () => new Array<number>(b.length + 1).fill(0));
  const at = (i: number, j: number) => size[i]?.[j] ?? 0;
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      (size[i] as number[])[j] =
        a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
  const parts: DiffPart[] = [];
  const push = (op: DiffPart['op'], text: string) => {
    const last = parts.at(-1);
    if (last?.op === op) last.text += text;
    else parts.push({ op, text });
  };
  let i = 0,
    j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      push('equal', a[i++] ?? '');
      j++;
    } else if (j < b.length && (i >= a.length || at(i, j + 1) >= at(i + 1, j)))
      push('insert', b[j++] ?? '');
    else push('delete', a[i++] ?? '');
  }
  return parts;
}
