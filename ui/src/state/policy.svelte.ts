// One open policy: its text, what the text says, its suite, its runs. It knows the
// back end, but nothing of other policies; the studio decides what runs when.

import * as api from '$api';
import type { EditorState } from '@codemirror/state';
import { dropDraft, keepDraft, readDraft } from '../lib/drafts';
import { asFailure } from '../lib/failure';
import { fromCase, withEvidence } from '../lib/cases';
import type {
  Case,
  CaseRow,
  Effort,
  Failure,
  PolicyAnalysis,
  PolicyDocument,
  RunId,
  RunSummary,
  RunView,
  SuiteView,
  Tested,
} from '../lib/types';
import { CompareDesk } from './compare.svelte';
import { CoverageDesk } from './coverage.svelte';
import { HistoryDesk } from './history.svelte';
import { ReleaseDesk } from './release.svelte';
import { RunSession } from './run.svelte';
import { CaseTable, type TableSource } from './table.svelte';

export type Conflict = { text: string; hash: string };

/** CodeMirror counts every line break as one; so do comparisons of texts. */
const lines = (text: string) => text.replace(/\r\n?/g, '\n');

export class PolicyTab {
  readonly name: string;
  readonly root: string;

  text = $state('');
  savedText = $state('');
  fileHash = $state('');
  analysis = $state.raw<PolicyAnalysis>() as PolicyAnalysis;
  /** The text that `analysis` belongs to. */
  analysed = $state('');
  suite = $state.raw<SuiteView>() as SuiteView;
  runs = $state.raw<readonly RunSummary[]>([]);
  baseline = $state<RunId | null>(null);
  conflict = $state.raw<Conflict | null>(null);
  saving = $state(false);
  failure = $state.raw<Failure | null>(null);
  /** An effort chosen in the window; without one, the policy's own. */
  chosenEffort = $state<Effort | null>(null);
  cursor = $state.raw({ line: 1, column: 1 });
  /** A past run that is looked at instead of the text in the editor. */
  viewing = $state.raw<RunView | null>(null);
  /** A draft from an earlier start was put back. */
  readonly draftRestored: boolean;

  readonly dirty = $derived(lines(this.text) !== lines(this.savedText));
  readonly effort = $derived(this.chosenEffort ?? this.analysis.effort);
  readonly session = new RunSession();
  readonly table: CaseTable;
  readonly desk: ReleaseDesk;
  readonly comparing: CompareDesk;
  readonly covering = new CoverageDesk();
  readonly past: HistoryDesk;
  readonly cases = $derived(new Map(this.suite.cases.map((item) => [item.id, item])));

  /** The editor's state while another policy is in front: undo history, selection. */
  editorState: EditorState | null = null;

  #bare = $derived(this.suite.cases.map(fromCase));
  /** Rows by case, where no session keeps them so. */
  #aside = $derived(new Map((this.viewing?.rows ?? this.#bare).map((row) => [row.case, row])));
  #haystacks = $derived.by(() => (this.suite, new Map<string, string>()));
  #analysing = false;

  constructor(root: string, document: PolicyDocument) {
    this.root = root;
    this.name = document.name;
    this.desk = new ReleaseDesk(document.name);
    this.comparing = new CompareDesk(document.name);
    this.past = new HistoryDesk(document.name);
    this.#read(document);
    const draft = readDraft(root, document.name);
    this.draftRestored = draft !== null && lines(draft.text) !== lines(document.text);
    if (draft && this.draftRestored) {
      this.text = draft.text;
      if (draft.hash !== document.file_hash) {
        this.fileHash = draft.hash;
        this.conflict = { text: document.text, hash: document.file_hash };
      }
    } else if (draft) {
      dropDraft(root, document.name);
    }
    if (document.current && !this.draftRestored) {
      this.session.show(document.current);
    }
    this.table = new CaseTable(this.#source());
    this.table.regroup();
    if (this.draftRestored) void this.analyze();
  }

  /** The rows on show: of the run looked at, or of the text in the editor. */
  get rows(): readonly CaseRow[] {
    if (this.viewing) return this.viewing.rows;
    return this.session.summary ? this.session.rows : this.#bare;
  }

  row(id: string): CaseRow | undefined {
    const aside = this.viewing !== null || this.session.summary === null;
    return aside ? this.#aside.get(id) : this.session.row(id);
  }

  get summary(): RunSummary | null {
    return this.viewing?.summary ?? this.session.summary;
  }

  get comparedWith(): RunSummary | null {
    return this.viewing ? this.viewing.baseline : this.session.baseline;
  }

  get figures() {
    return this.viewing ? this.viewing.figures : this.session.figures;
  }

  /** The run on show, when it judged a text other than the one in the editor. */
  get offText(): RunSummary | null {
    const { summary, phase } = this.session;
    const revision = this.analysed === this.text ? this.analysis.revision : null;
    if (!summary || revision === null || phase === 'waiting' || phase === 'idle') return null;
    return summary.revision === revision ? null : summary;
  }

  edited(text: string) {
    this.text = text;
    this.viewing = null;
    // At once: a window can be closed or killed at any moment.
    this.#keepDraft();
    void this.analyze();
  }

  /** What the text says now. One call at a time; the last text always gets its turn. */
  async analyze(): Promise<void> {
    if (this.#analysing) return;
    this.#analysing = true;
    try {
      let text: string;
      do {
        text = this.text;
        this.analysis = await api.analyze(this.name, text, this.baseline);
        this.analysed = text;
      } while (text !== this.text);
    } catch (thrown) {
      this.failure = asFailure(thrown);
    } finally {
      this.#analysing = false;
    }
  }

  /** Returns the canonical text to show instead of the one that was saved, if it differs. */
  async save(): Promise<string | null> {
    if (this.saving || this.conflict) return null;
    const text = this.text;
    this.saving = true;
    try {
      const result = await api.savePolicy(this.name, text, this.fileHash);
      if (result.kind === 'conflict') {
        this.conflict = { text: result.disk_text, hash: result.disk_hash };
        return null;
      }
      this.fileHash = result.file_hash;
      this.savedText = result.text;
      this.failure = null;
      this.#keepDraft();
      // What was typed meanwhile is newer than what was saved.
      return this.dirty && this.text === text ? result.text : null;
    } catch (thrown) {
      this.failure = asFailure(thrown);
      return null;
    } finally {
      this.saving = false;
    }
  }

  /**
   * The file changed outside. Clean text follows the file; unsaved text is kept and the
   * person decides. Returns the text to show instead of the present one, if any.
   */
  async changedOutside(hash: string): Promise<string | null> {
    if (hash === this.fileHash || hash === this.conflict?.hash || this.saving) return null;
    const document = await api.openPolicy(this.name);
    if (document.file_hash === this.fileHash) return null;
    this.suite = document.suite;
    if (this.dirty && lines(document.text) !== lines(this.text)) {
      this.conflict = { text: document.text, hash: document.file_hash };
      return null;
    }
    this.fileHash = document.file_hash;
    this.savedText = document.text;
    this.conflict = null;
    return lines(document.text) === lines(this.text) ? null : document.text;
  }

  async suiteChangedOutside(hash: string): Promise<boolean> {
    if (hash === this.suite.file_hash) return false;
    this.suite = (await api.openPolicy(this.name)).suite;
    return true;
  }

  /** Ends a conflict in favour of the file; returns its text for the editor. */
  takeTheirs(): string | null {
    const conflict = this.conflict;
    if (!conflict) return null;
    this.conflict = null;
    this.fileHash = conflict.hash;
    this.savedText = conflict.text;
    return conflict.text;
  }

  /** Ends a conflict in favour of the editor: the next save replaces the file, knowingly. */
  keepMine() {
    if (!this.conflict) return;
    this.fileHash = this.conflict.hash;
    this.savedText = this.conflict.text;
    this.conflict = null;
    this.#keepDraft();
  }

  /** What was found about flips from one run to another, wherever these are shown. */
  tested(a: RunId, b: RunId, found: readonly Tested[]) {
    const { session, viewing } = this;
    if (session.summary?.run === b && session.baseline?.run === a) session.tested(found);
    if (viewing?.summary.run === b && viewing.baseline?.run === a) {
      const byCase = new Map(found.map((one) => [one.case, one.evidence]));
      const rows = viewing.rows.map((row) => {
        const evidence = byCase.get(row.case);
        return evidence ? withEvidence(row, evidence) : row;
      });
      this.viewing = { ...viewing, rows };
    }
    this.comparing.tested(a, b, found);
  }

  async refreshRuns() {
    this.runs = await api.runs(this.name);
  }

  caseOf(id: string): Case | undefined {
    return this.cases.get(id);
  }

  #read(document: PolicyDocument) {
    this.text = this.savedText = this.analysed = document.text;
    this.fileHash = document.file_hash;
    this.analysis = document.analysis;
    this.suite = document.suite;
    this.runs = document.runs;
    this.baseline = document.baseline;
  }

  #keepDraft() {
    if (this.dirty) keepDraft(this.root, this.name, { hash: this.fileHash, text: this.text });
    else dropDraft(this.root, this.name);
  }

  #haystack(id: string): string {
    let text = this.#haystacks.get(id);
    if (text === undefined) {
      const item = this.cases.get(id);
      const content = item?.content ?? '';
      const words =
        typeof content === 'string' ? content : content.map((turn) => turn.text).join('\n');
      text = [id, words, ...(item?.tags ?? []), item?.language ?? '', item?.note ?? '']
        .join('\n')
        .toLowerCase();
      this.#haystacks.set(id, text);
    }
    return text;
  }

  #source(): TableSource {
    // eslint-disable-next-line @typescript-eslint/no-this-alias
    const tab = this;
    return {
      get rows() {
        return tab.rows;
      },
      get running() {
        return tab.viewing === null && tab.session.phase === 'running';
      },
      get compared() {
        return tab.comparedWith !== null;
      },
      row: (id) => tab.row(id),
      haystack: (id) => tab.#haystack(id),
    };
  }
}
