// What the simulated back end says to the screens Compare, Coverage and History.

import type {
  CaseRow,
  CompareView,
  Confusion,
  CoverageView,
  CsvTable,
  DiffHunkLine,
  Difference,
  Estimate,
  GroupBy,
  Metrics,
  RunId,
  SearchResult,
  Standing,
  Statistics,
} from '../../lib/types';
import { withFindings } from './insight';
import { citationsOf, clausesOf, compare as compareRows, judge, metricsOf } from './judge';
import { fail, simulation, type Run } from './simulation';

const later = <T>(value: T) => new Promise<T>((resolve) => setTimeout(() => resolve(value), 4));

function runOf(id: RunId): Run {
  return (
    simulation.runs.find((run) => run.summary.run === id) ?? fail('input', `There is no run ${id}.`)
  );
}

const RATES = ['accuracy', 'precision', 'recall', 'false_positive_rate'] as const;

function estimatesOf(metrics: Metrics): Estimate[] {
  const rates = RATES.flatMap((measure): Estimate[] => {
    const found = metrics[measure];
    if (!found) return [];
    const { value, low, high } = found;
    return [{ measure, value, interval: { low, high, method: 'wilson' } }];
  });
  return metrics.f1 === null
    ? rates
    : [...rates, { measure: 'f1', value: metrics.f1, interval: null }];
}

function confusionOf(rows: readonly CaseRow[]): Confusion {
  const confusion: Confusion = { violates: [0, 0, 0], safe: [0, 0, 0] };
  const column = { violates: 0, safe: 1, unparsed: 2 } as const;
  for (const row of rows)
    if (row.expected && row.verdict) confusion[row.expected][column[row.verdict]] += 1;
  return confusion;
}

function linesOf(before: string, after: string): DiffHunkLine[] {
  const [old, now] = [before.split('\n'), after.split('\n')];
  let head = 0;
  while (head < Math.min(old.length, now.length) && old[head] === now[head]) head += 1;
  let tail = 0;
  while (tail < Math.min(old.length, now.length) - head && old.at(-1 - tail) === now.at(-1 - tail))
    tail += 1;
  const removed = old.slice(head, old.length - tail);
  const added = now.slice(head, now.length - tail);
  return [
    ...removed.map((text, at) => ({
      op: 'delete' as const,
      before: head + at + 1,
      after: null,
      text,
    })),
    ...added.map((text, at) => ({
      op: 'insert' as const,
      before: null,
      after: head + at + 1,
      text,
    })),
  ];
}

export async function compare(a: RunId, b: RunId): Promise<CompareView> {
  const [before, now] = [runOf(a), runOf(b)];
  const all = [...now.rows.values()]
    .map((row) => compareRows(row, before.rows.get(row.case)))
    .map((row) => withFindings(row, before, now));
  const rows = all.filter((row) => row.flip !== null);
  const both = all.filter((row) => row.before !== null);
  const old = both.flatMap((row) => before.rows.get(row.case) ?? []);
  const [was, is] = [estimatesOf(metricsOf(old)), estimatesOf(metricsOf(both))];
  const measures = is.flatMap((estimate): Difference[] => {
    const other = was.find((one) => one.measure === estimate.measure);
    if (!other) return [];
    const difference = estimate.value - other.value;
    return [
      {
        measure: estimate.measure,
        before: other.value,
        now: estimate.value,
        difference,
        interval: { low: difference - 0.05, high: difference + 0.05, method: 'bootstrap' },
      },
    ];
  });
  const lines = linesOf(before.text, now.text);
  const touched = [...clausesOf(before.text), ...clausesOf(now.text)]
    .filter((clause) => lines.some((line) => line.text.includes(clause.id)))
    .map((clause) => clause.id);
  return later({
    a: before.summary,
    b: now.summary,
    rows,
    comparison: {
      a,
      b,
      flips: rows.map((row) => ({
        case: row.case,
        from: row.before?.verdict ?? 'safe',
        to: row.verdict ?? 'safe',
        kind: row.flip ?? 'changed',
        certainty: row.certainty ?? 'real',
      })),
      unchanged: both.length - rows.length,
      mcnemar_p: 0.5,
      measures,
      no_regression: [
        {
          measure: 'accuracy',
          margin: 0.05,
          difference: 0,
          cases: both.length,
          p_no_regression: 0.02,
          p_equivalent: 0.2,
          finding: 'no_regression',
        },
      ],
      policy_diff: '',
      estimates_a: was,
      estimates_b: is,
      confusion_a: confusionOf(old),
      confusion_b: confusionOf(both),
      overlap: {
        both: both.length,
        only_a: before.rows.size - both.length,
        only_b: now.rows.size - both.length,
        edited: 0,
      },
      hunks:
        lines.length === 0
          ? []
          : [
              {
                lines,
                clauses: [...new Set(touched)],
                flips: rows
                  .filter((row) => row.rules.some((rule) => touched.includes(rule)))
                  .map((row) => row.case),
              },
            ],
    },
  });
}

export async function coverage(id: RunId): Promise<CoverageView> {
  const run = runOf(id);
  const policy = simulation.policy(run.summary.policy);
  const clauses = clausesOf(run.text);
  const judged = policy.cases.filter((item) => run.rows.has(item.id));
  const invented = new Map<string, string[]>();
  const cells = judged.flatMap((item, at) => {
    const row = run.rows.get(item.id);
    const { trace } = judge(item, run.text);
    const named = new Set<string>();
    for (const citation of citationsOf(trace, clauses)) {
      if (citation.clause) named.add(citation.clause);
      else invented.set(citation.text, [...(invented.get(citation.text) ?? []), item.id]);
    }
    return [...named].map((clause) => ({
      clause: clauses.findIndex((one) => one.id === clause),
      case: at,
      verdict: row?.verdict ?? 'unparsed',
      answered: row?.rules.includes(clause) ?? false,
      near_miss: Math.abs(row?.margin ?? 9) < 1,
      wrong: row?.correct === false,
    }));
  });
  return later({
    run: run.summary,
    clauses: clauses.map((clause, at) => {
      const of = cells.filter((cell) => cell.clause === at);
      const count = (test: (cell: (typeof of)[number]) => boolean) => of.filter(test).length;
      const [violates, safe] = [
        count((cell) => cell.verdict === 'violates'),
        count((cell) => cell.verdict === 'safe'),
      ];
      const answered = count((cell) => cell.answered);
      const both = violates > 0 && safe > 0;
      const standing: Standing =
        of.length === 0
          ? 'uncovered'
          : answered === 0
            ? 'named'
            : both
              ? 'both_polarities'
              : 'one_sided';
      return {
        clause: clause.id,
        line: clause.line_start,
        text: clause.text,
        cited: of.length,
        answered,
        violates,
        safe,
        near_misses: count((cell) => cell.near_miss),
        wrong: count((cell) => cell.wrong),
        both_polarities: both,
        covered: of.length > 0,
        standing,
        decisive: null,
        dead: null,
      };
    }),
    cases: judged.map((item) => {
      const row = run.rows.get(item.id);
      return {
        case: item.id,
        excerpt: row?.excerpt ?? '',
        verdict: row?.verdict ?? 'unparsed',
        expected: item.expected ?? null,
      };
    }),
    cells,
    invented: [...invented].map(([text, cases]) => ({ text, cases })),
  });
}

export async function statistics(ids: RunId[], by: GroupBy | null): Promise<Statistics> {
  const runs = ids.map(runOf);
  return later({
    exact_match: null,
    policies: runs.slice(0, 1).map((run) => {
      const rows = [...run.rows.values()];
      const groups = new Map<string | null, CaseRow[]>();
      for (const row of rows.filter((one) => one.expected)) {
        const values =
          by === 'tag'
            ? row.tags
            : by === 'language'
              ? [row.language]
              : by === 'kind'
                ? [row.kind]
                : [row.expected_label];
        for (const value of values) groups.set(value, [...(groups.get(value) ?? []), row]);
      }
      return {
        policy: run.summary.policy,
        runs: ids,
        cases: rows.length,
        judgements: rows.length,
        estimates: estimatesOf(metricsOf(rows)),
        groups: [...groups]
          .map(([value, of]) => ({
            value,
            cases: of.length,
            estimates: estimatesOf(metricsOf(of)),
          }))
          .sort((a, b) => b.cases - a.cases),
        annotators: [],
        agreement: null,
      };
    }),
  });
}

export async function search(text: string, policy: string | null): Promise<SearchResult> {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const hits = [...simulation.runs]
    .reverse()
    .filter((run) => policy === null || run.summary.policy === policy)
    .flatMap((run) =>
      simulation.policy(run.summary.policy).cases.flatMap((item) => {
        const { trace, row } = judge(item, run.text);
        const lower = trace.toLowerCase();
        const at = lower.indexOf(words[0] ?? '');
        if (!run.rows.has(item.id) || !words.every((word) => lower.includes(word))) return [];
        const end = at + (words[0]?.length ?? 0);
        return [
          {
            run: run.summary.run,
            policy: run.summary.policy,
            case: item.id,
            started_at_ms: run.summary.started_at_ms,
            verdict: row.verdict ?? 'unparsed',
            label: row.label,
            passage: [
              { text: trace.slice(Math.max(0, at - 40), at), hit: false },
              { text: trace.slice(at, end), hit: true },
              { text: trace.slice(end, end + 120), hit: false },
            ],
          },
        ];
      }),
    );
  return later({ hits: hits.slice(0, 200), more: hits.length > 200 });
}

/** What was exported last, for tests. */
export const exported: { of?: CsvTable; svg?: string; out: string }[] = [];

export async function exportCsv(of: CsvTable, out: string) {
  exported.push({ of, out });
  return later(`/srv/marketplace/${out}`);
}

export async function exportSvg(svg: string, out: string) {
  exported.push({ svg, out });
  return later(`/srv/marketplace/${out}`);
}
