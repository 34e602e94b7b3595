// The whole window: the workspace, its open policies, and what happens when one is
// edited. Components read from here and call these methods; only here is it decided
// when the model runs.

import * as api from '$api';
import { tick } from 'svelte';
import { asFailure } from '../lib/failure';
import type {
  Case,
  Effort,
  Failure,
  FileDrop,
  RunEvent,
  RunId,
  SuiteEdit,
  WorkspaceEvent,
  WorkspaceView,
} from '../lib/types';
import { i18n } from '../messages/index.svelte';
import { Importing } from './importing.svelte';
import { Insight } from './insight.svelte';
import { testWhenIdle } from './insightActions';
import { Models } from './models.svelte';
import { notices } from './notices.svelte';
import { PolicyTab } from './policy.svelte';
import type { Screen } from './screens';
import { hostOf, type Leave } from './servers.svelte';

const TYPING_DELAY_MS = 300;

/** What the editor component lends to others. */
export type EditorHandle = {
  replace(text: string): void;
  goToLines(from: number, to: number): void;
  find(): void;
  focus(): void;
};

export type Overlay =
  | 'palette'
  | 'shortcuts'
  | 'history'
  | 'new-policy'
  | 'conflict'
  | 'servers'
  | 'import'
  | 'models'
  | 'bundle'
  | null;

export class Studio {
  workspace = $state.raw<WorkspaceView | null>(null);
  failure = $state.raw<Failure | null>(null);
  loading = $state(true);
  tabs = $state.raw<ReadonlyMap<string, PolicyTab>>(new Map());
  activeName = $state<string | null>(null);
  overlay = $state<Overlay>(null);
  screen = $state<Screen>('workbench');
  /** A question that waits: may content leave the machine for this host? */
  leave = $state.raw<Leave | null>(null);
  /** The case in the inspector: one of the suite, or a new one. */
  editing = $state.raw<{ item: Case; isNew: boolean } | null>(null);
  importing = $state.raw<Importing | null>(null);
  /** A file is dragged over the window. */
  dragged = $state(false);
  editor: EditorHandle | null = null;
  readonly models = new Models();
  readonly insight = new Insight({
    failure: (failure) => (this.failure = failure),
    idle: () => testWhenIdle(this),
  });

  readonly tab = $derived(
    this.activeName === null ? null : (this.tabs.get(this.activeName) ?? null),
  );
  readonly model = $derived(
    this.workspace?.models.find((model) => model.id === this.workspace?.model) ?? null,
  );

  #watching = false;
  #baselineHint = false;

  async start() {
    await this.#enter(() => api.workspace());
    if (this.#watching) return;
    this.#watching = true;
    try {
      await api.watch((event) => void this.#outside(event));
      await api.drops((event) => this.#dropped(event));
    } catch (thrown) {
      this.failure = asFailure(thrown);
    }
  }

  show(screen: Screen) {
    this.screen = screen;
    this.overlay = null;
  }

  /** Lists these cases of a run in the Workbench, and says why. */
  async showCases(tab: PolicyTab, run: RunId, reason: string, cases: readonly string[]) {
    await this.viewRun(tab, run);
    tab.table.setOnly({ reason, cases: new Set(cases) });
    this.show('workbench');
  }

  /** Shows a case of a run of any policy in the Workbench. */
  async showCase(policy: string, run: RunId, id: string) {
    if (this.activeName !== policy) await this.activate(policy);
    const tab = this.tab;
    if (!tab || tab.name !== policy) return;
    await this.viewRun(tab, run);
    tab.table.reveal(id);
  }

  /** Asks where to, and writes; says where the file lies. */
  async exportTo(name: string, write: (out: string) => Promise<string>) {
    const out = await this.#attempt(() => api.pickTarget(name));
    if (!out) return;
    const path = await this.#attempt(() => write(out));
    if (path) notices.show(i18n.m.exportedTo(path));
  }

  async openFolder() {
    const path = await this.#attempt(() => api.pickFolder());
    if (path) await this.#enter(() => api.openWorkspace(path));
  }

  /** Asks for a file and shows what it would bring to the suite in front. */
  async importCases() {
    if (!this.tab) return;
    const file = await this.#attempt(() => api.pickFile());
    if (file) this.#import(file);
  }

  #import(file: string) {
    this.importing = new Importing(file);
    this.overlay = 'import';
  }

  /** A file dropped on the window is imported, where nothing else waits for an answer. */
  #dropped(event: FileDrop) {
    const welcome = this.tab !== null && this.overlay === null && this.leave === null;
    this.dragged = event.kind === 'over' && welcome;
    if (event.kind !== 'dropped' || !welcome) return;
    const [file, ...others] = event.files;
    if (others.length > 0) notices.show(i18n.m.dropOne);
    else if (file !== undefined) this.#import(file);
  }

  /** Starts a fresh history; the database that would not open is kept beside it. */
  async moveDatabaseAside() {
    await this.#enter(() => api.moveDatabaseAside());
  }

  async activate(name: string) {
    const workspace = this.workspace;
    if (!workspace) return;
    let tab = this.tabs.get(name);
    if (!tab) {
      const document = await this.#attempt(() => api.openPolicy(name));
      if (!document) return;
      tab = new PolicyTab(workspace.root, document);
      this.tabs = new Map(this.tabs).set(name, tab);
      if (tab.draftRestored) notices.show(i18n.m.draftRestored);
    }
    this.activeName = name;
    this.editing = null;
    remember(workspace.root, name);
    if (tab.session.phase !== 'finished') void this.evaluate(tab, 0);
    else testWhenIdle(this);
  }

  step(by: 1 | -1) {
    const names = this.workspace?.policies.map((policy) => policy.name) ?? [];
    const at = names.indexOf(this.activeName ?? '');
    const name = names[(at + by + names.length) % names.length];
    if (name !== undefined) void this.activate(name);
  }

  /** A policy that came with a bundle: listed, opened, and its run compared as any other. */
  async showImported(name: string) {
    const view = await this.#attempt(() => api.workspace());
    if (!view) return;
    this.workspace = view;
    await this.activate(name);
  }

  async createPolicy(name: string, title: string): Promise<Failure | null> {
    try {
      const document = await api.createPolicy(name, title);
      this.workspace = await api.workspace();
      const tab = new PolicyTab(this.workspace.root, document);
      this.tabs = new Map(this.tabs).set(document.name, tab);
      this.activeName = document.name;
      return null;
    } catch (thrown) {
      return asFailure(thrown);
    }
  }

  /** The person typed. Unsaved text is judged just like saved text. */
  edited(tab: PolicyTab, text: string) {
    tab.edited(text);
    void this.evaluate(tab, TYPING_DELAY_MS);
  }

  async evaluate(tab: PolicyTab, delayMs: number, only: string[] = []) {
    tab.viewing = null;
    const request = {
      policy: tab.name,
      text: tab.text,
      effort: tab.effort,
      baseline: tab.baseline,
      delay_ms: delayMs,
      only,
    };
    await this.#listen(tab, (onEvent) => api.evaluate(request, onEvent), delayMs > 0);
  }

  async resume(tab: PolicyTab, run: RunId) {
    tab.viewing = null;
    this.overlay = null;
    await this.#listen(tab, (onEvent) => api.resume(run, onEvent));
  }

  async cancel() {
    if (this.tab?.session.busy) await this.#attempt(() => api.cancel());
  }

  async save(tab: PolicyTab) {
    if (tab.conflict) {
      this.overlay = 'conflict';
      return;
    }
    const canonical = await tab.save();
    if (canonical !== null) this.#showText(tab, canonical);
  }

  async setBaseline(tab: PolicyTab, run: RunId | null) {
    const done = await this.#attempt(async () => {
      await api.setBaseline(tab.name, run);
      tab.baseline = run;
      await tab.refreshRuns();
      return true;
    });
    if (!done) return;
    if (run !== null) notices.show(i18n.m.baselineSet(run));
    void tab.analyze();
    if (tab.viewing) await this.viewRun(tab, tab.viewing.summary.run);
    else await this.#compareAnew(tab);
  }

  async viewRun(tab: PolicyTab, run: RunId) {
    if (run === tab.session.summary?.run) {
      tab.viewing = null;
    } else {
      const view = await this.#attempt(() => api.runView(run, tab.baseline));
      if (!view) return;
      tab.viewing = view;
    }
    this.show('workbench');
    tab.table.setOnly(null);
  }

  backToCurrent(tab: PolicyTab) {
    tab.viewing = null;
    tab.table.regroup();
    if (tab.offText) void this.evaluate(tab, 0);
  }

  async restore(tab: PolicyTab, run: RunId) {
    const text = await this.#attempt(() => api.restore(run));
    if (text == null) return;
    this.overlay = null;
    await this.#atWorkbench();
    this.#showText(tab, text);
    this.editor?.focus();
    notices.show(i18n.m.restored(run));
  }

  async pickModel() {
    const path = await this.#attempt(() => api.pickFolder());
    if (path) await this.selectModel(path);
  }

  async selectModel(id: string) {
    try {
      this.workspace = await api.selectModel(id);
    } catch (thrown) {
      const failure = asFailure(thrown);
      if (failure.code === 'consent') this.askLeave(id, () => void this.selectModel(id));
      else this.failure = failure;
      return;
    }
    if (this.tab) void this.evaluate(this.tab, 0);
  }

  /** Asks the person before anything is sent to the host of an address. */
  askLeave(address: string, again: () => void) {
    const host = hostOf(address);
    if (host) this.leave = { ...host, again };
  }

  async allowHost({ host, again }: Leave, plainHttp: boolean) {
    this.leave = null;
    const view = await this.#attempt(() => api.decideHost(host, true, plainHttp));
    if (!view) return;
    this.workspace = view;
    again();
  }

  setEffort(tab: PolicyTab, effort: Effort) {
    tab.chosenEffort = effort;
    void this.evaluate(tab, 0);
  }

  /** Applies one edit to the suite file; `false` when nothing was written. */
  async editSuite(tab: PolicyTab, edit: SuiteEdit): Promise<boolean | Failure> {
    try {
      const result = await api.editSuite(tab.name, tab.suite.file_hash, edit);
      tab.suite = result.suite;
      if (!result.saved) return false;
      void this.evaluate(tab, 0);
      return true;
    } catch (thrown) {
      return asFailure(thrown);
    }
  }

  async goToClause(id: string) {
    await this.#atWorkbench();
    const clause = this.tab?.analysis.clauses.find((candidate) => candidate.id === id);
    if (clause) this.editor?.goToLines(clause.line_start, clause.line_end);
  }

  async goToLines(from: number, to: number) {
    await this.#atWorkbench();
    this.editor?.goToLines(from, to);
  }

  takeTheirs(tab: PolicyTab) {
    const text = tab.takeTheirs();
    this.overlay = null;
    if (text !== null) this.#showText(tab, text);
  }

  keepMine(tab: PolicyTab) {
    tab.keepMine();
    this.overlay = null;
    notices.show(i18n.m.keptMine);
  }

  /** The editor is there once the Workbench has been drawn. */
  async #atWorkbench() {
    if (this.screen === 'workbench') return;
    this.show('workbench');
    await tick();
  }

  async #enter(open: () => Promise<WorkspaceView>) {
    this.loading = true;
    try {
      const view = await open();
      this.tabs = new Map();
      this.activeName = null;
      this.insight.reset();
      this.workspace = view;
      this.failure = null;
      const last = remembered(view.root);
      // One policy that cannot be read leaves the others usable.
      const names = view.policies.map((policy) => policy.name);
      for (const name of names.sort((a, b) => Number(b === last) - Number(a === last))) {
        if (this.activeName === null) await this.activate(name);
      }
    } catch (thrown) {
      this.failure = asFailure(thrown);
    } finally {
      this.loading = false;
    }
  }

  async #listen(
    tab: PolicyTab,
    call: (onEvent: (event: RunEvent) => void) => Promise<void>,
    pausing = false,
  ) {
    let superseded = false;
    this.insight.giveWay();
    const handler = tab.session.listen((event) => {
      superseded = true;
      void this.#ended(tab, event);
    }, pausing);
    try {
      await call(handler);
    } catch (thrown) {
      // A run that was already told to have ended needs no second telling.
      if (!superseded) handler({ kind: 'failed', failure: asFailure(thrown) });
    }
  }

  async #ended(tab: PolicyTab, event: RunEvent) {
    if (event.kind === 'failed' && event.failure.code === 'consent' && this.model) {
      this.askLeave(this.model.id, () => void this.evaluate(tab, 0));
    }
    const failed = event.kind === 'failed' && event.failure.code === 'model';
    if (failed || !this.model?.digest) {
      // Loading ends with the first run: what the model is, or why there is none, is known now.
      this.workspace = (await this.#attempt(() => api.workspace())) ?? this.workspace;
    }
    const known = tab.runs.some((run) => run.state === 'finished');
    await this.#attempt(() => tab.refreshRuns());
    if (event.kind !== 'finished' || tab.baseline !== null || known) return testWhenIdle(this);
    // The first complete run becomes what edits are compared with.
    const run = event.view.summary.run;
    await this.#attempt(async () => {
      await api.setBaseline(tab.name, run);
      tab.baseline = run;
      await tab.refreshRuns();
    });
    await this.#compareAnew(tab);
    void tab.analyze();
    if (!this.#baselineHint) notices.show(i18n.m.baselineFirst(run));
    this.#baselineHint = true;
  }

  /** Shows the present run beside another baseline, without asking the model. */
  async #compareAnew(tab: PolicyTab) {
    const run = tab.session.summary?.run;
    if (run === undefined || tab.session.busy) return this.evaluate(tab, 0);
    const view = await this.#attempt(() => api.runView(run, tab.baseline));
    if (view && tab.session.summary?.run === run) tab.session.show(view);
    testWhenIdle(this);
  }

  #showText(tab: PolicyTab, text: string) {
    if (tab === this.tab && this.editor) {
      this.editor.replace(text);
      return;
    }
    tab.editorState = null;
    tab.edited(text);
    if (tab === this.tab) void this.evaluate(tab, 0);
  }

  async #outside(event: WorkspaceEvent) {
    if (event.kind === 'policies_changed') {
      this.workspace = (await this.#attempt(() => api.workspace())) ?? this.workspace;
      return;
    }
    const tab = this.tabs.get(event.name);
    if (!tab) return;
    await this.#attempt(async () => {
      if (event.kind === 'suite_changed') {
        if (await tab.suiteChangedOutside(event.file_hash)) await this.evaluateIfActive(tab);
        return;
      }
      const text = await tab.changedOutside(event.file_hash);
      if (text === null) return;
      this.#showText(tab, text);
      notices.show(i18n.m.reloaded(`${tab.name}.md`));
    });
  }

  async evaluateIfActive(tab: PolicyTab) {
    if (tab === this.tab) await this.evaluate(tab, 0);
    else tab.session.phase = 'idle';
  }

  /** Runs a call; a failure is shown and leaves the window usable. */
  async #attempt<T>(call: () => Promise<T>): Promise<T | null> {
    try {
      return await call();
    } catch (thrown) {
      const failure = asFailure(thrown);
      if (failure.code !== 'cancelled') this.failure = failure;
      return null;
    }
  }
}

const LAST = 'touchstone.last:';
const remember = (root: string, name: string) => localStorage.setItem(LAST + root, name);
const remembered = (root: string) => localStorage.getItem(LAST + root);
