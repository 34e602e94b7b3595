// The app's one door to the back end: each function is one command of the shell.
// Nothing else in the window imports from Tauri. Errors arrive as `Failure`.

import { Channel, invoke } from '@tauri-apps/api/core';
import type {
  Ablation,
  Attribution,
  ConfirmRequest,
  Confirmed,
  Probing,
  BundleImportRequest,
  ImportedBundle,
  VerifyRequest,
  BundleProgress,
  CompareView,
  CoverageView,
  CsvTable,
  GroupBy,
  SearchResult,
  Statistics,
  BundleReport,
  EvaluateRequest,
  Exported,
  ExportRequest,
  FoundModel,
  ExistingSuite,
  ImportPlan,
  ImportPreview,
  ImportReading,
  ImportReport,
  CheckpointView,
  FetchRequest,
  FileDrop,
  FetchedView,
  ModelProgress,
  ModelsView,
  PolicyAnalysis,
  PolicyDocument,
  Release,
  ReleaseView,
  RunEvent,
  RunId,
  RunSummary,
  RunView,
  SaveResult,
  SignOff,
  SignOffRequest,
  ServerCheck,
  ServerOptions,
  SpeedView,
  SuiteEdit,
  SuiteSaved,
  TraceView,
  VerifiedView,
  WorkspaceEvent,
  WorkspaceView,
} from './lib/types';

function channel<T>(onEvent: (event: T) => void): Channel<T> {
  const opened = new Channel<T>();
  opened.onmessage = onEvent;
  return opened;
}

export const workspace = () => invoke<WorkspaceView>('workspace');

export const openWorkspace = (path: string) => invoke<WorkspaceView>('open_workspace', { path });

export const moveDatabaseAside = () => invoke<WorkspaceView>('move_database_aside');

export const openPolicy = (name: string) => invoke<PolicyDocument>('open_policy', { name });

export const createPolicy = (name: string, title: string) =>
  invoke<PolicyDocument>('create_policy', { name, title });

export const analyze = (name: string, text: string, baseline: RunId | null) =>
  invoke<PolicyAnalysis>('analyze', { name, text, baseline });

export const savePolicy = (name: string, text: string, baseHash: string) =>
  invoke<SaveResult>('save_policy', { name, text, baseHash });

export const editSuite = (name: string, baseHash: string, edit: SuiteEdit) =>
  invoke<SuiteSaved>('edit_suite', { name, baseHash, edit });

export const evaluate = (request: EvaluateRequest, onEvent: (event: RunEvent) => void) =>
  invoke<void>('evaluate', { request, onEvent: channel(onEvent) });

export const resume = (run: RunId, onEvent: (event: RunEvent) => void) =>
  invoke<void>('resume', { run, onEvent: channel(onEvent) });

export const cancel = () => invoke<void>('cancel');

export const runs = (policy: string) => invoke<RunSummary[]>('runs', { policy });

export const runView = (run: RunId, baseline: RunId | null) =>
  invoke<RunView>('run_view', { run, baseline });

export const trace = (run: RunId, id: string, baseline: RunId | null) =>
  invoke<TraceView>('trace', { run, case: id, baseline });

export const watchTrace = (id: string | null) => invoke<void>('watch_trace', { case: id });

export const setBaseline = (policy: string, run: RunId | null) =>
  invoke<void>('set_baseline', { policy, run });

/** The text of the policy file that the run judged by. */
export const restore = (run: RunId) => invoke<string>('restore', { run });

export const selectModel = (id: string) => invoke<WorkspaceView>('select_model', { id });

export const releaseView = (policy: string) => invoke<ReleaseView>('release_view', { policy });

export const release = (policy: string, version: string, changeLog: string) =>
  invoke<Release>('release', { policy, version, changeLog });

export const signOff = (request: SignOffRequest) => invoke<SignOff[]>('sign_off', { request });

export const exportBundle = (
  request: ExportRequest,
  onProgress: (progress: BundleProgress) => void,
) => invoke<Exported>('export_bundle', { request, onProgress: channel(onProgress) });

/** A bundle that does not hold is a report, not an error. */
export const verifyBundle = (
  request: VerifyRequest,
  onProgress: (progress: BundleProgress) => void,
) => invoke<BundleReport>('verify_bundle', { request, onProgress: channel(onProgress) });

export const importBundle = (
  request: BundleImportRequest,
  onProgress: (progress: BundleProgress) => void,
) => invoke<ImportedBundle>('import_bundle', { request, onProgress: channel(onProgress) });

/** Adds a model on a server, `http://host:port/v1#model`; nothing is sent there. */
export const addServer = (address: string, options: ServerOptions) =>
  invoke<WorkspaceView>('add_server', { address, options });

export const removeServer = (address: string) =>
  invoke<WorkspaceView>('remove_server', { address });

export const serverModels = (address: string) => invoke<FoundModel[]>('server_models', { address });

export const testServer = (address: string) => invoke<ServerCheck>('test_server', { address });

/** Says where the key is kept; `null` removes it. */
export const setServerKey = (address: string, key: string | null) =>
  invoke<string>('set_server_key', { address, key });

export const decideHost = (name: string, allowed: boolean, plainHttp: boolean) =>
  invoke<WorkspaceView>('decide_host', { name, allowed, plainHttp });

export const watch = (onEvent: (event: WorkspaceEvent) => void) =>
  invoke<void>('watch', { onEvent: channel(onEvent) });

/** Tells of files that are dragged over the window and dropped on it. */
export const drops = (onEvent: (event: FileDrop) => void) =>
  invoke<void>('drops', { onEvent: channel(onEvent) });

export const pickFolder = () => invoke<string | null>('pick_folder');

/** A file that is there. */
export const pickFile = () => invoke<string | null>('pick_file');

/** A file or folder to write, proposed under this name. */
export const pickTarget = (name: string) => invoke<string | null>('pick_target', { name });

export const importPreview = (file: string, reading: ImportReading, plan: ImportPlan | null) =>
  invoke<ImportPreview>('import_preview', { file, reading, plan });

export const importSuite = (
  file: string,
  reading: ImportReading,
  plan: ImportPlan,
  policy: string,
  existing: ExistingSuite,
) => invoke<ImportReport>('import_suite', { file, reading, plan, policy, existing });
export const models = () => invoke<ModelsView>('models');

export const modelInfo = (id: string) => invoke<CheckpointView>('model_info', { id });

/** Resolves when the model is there, whole; asking again goes on with a cut fetch. */
export const fetchModel = (request: FetchRequest, onProgress: (step: ModelProgress) => void) =>
  invoke<FetchedView>('fetch_model', { request, onProgress: channel(onProgress) });

export const verifyModel = (id: string, onProgress: (step: ModelProgress) => void) =>
  invoke<VerifiedView>('verify_model', { id, onProgress: channel(onProgress) });

export const speedTest = (id: string) => invoke<SpeedView>('speed_test', { id });

export const cancelModelTask = () => invoke<void>('cancel_model_task');

export const compare = (a: RunId, b: RunId) => invoke<CompareView>('compare', { a, b });

/** Tests whether flips are real; each is told as soon as it is decided. */
export const confirm = (request: ConfirmRequest, onProgress: (news: Probing) => void) =>
  invoke<Confirmed>('confirm', { request, onProgress: channel(onProgress) });

/** Asks which hunks caused these flips, or all of them. */
export const attribute = (
  a: RunId,
  b: RunId,
  cases: string[],
  onProgress: (news: Probing) => void,
) => invoke<Attribution>('attribute', { a, b, cases, onProgress: channel(onProgress) });

/** What is known of the causes; nothing is asked. */
export const attribution = (a: RunId, b: RunId) => invoke<Attribution>('attribution', { a, b });

/** Asks on which clauses a verdict rests. */
export const ablate = (run: RunId, id: string, onProgress: (news: Probing) => void) =>
  invoke<Ablation>('ablate', { run, case: id, onProgress: channel(onProgress) });

/** What a verdict rests on, where that is known; nothing is asked. */
export const ablation = (run: RunId, id: string) =>
  invoke<Ablation | null>('ablation', { run, case: id });

/** Ends confirming, attribution and ablation, and no evaluation. */
export const cancelProbes = () => invoke<void>('cancel_probes');

export const coverage = (run: RunId) => invoke<CoverageView>('coverage', { run });

export const statistics = (runs: RunId[], by: GroupBy | null) =>
  invoke<Statistics>('statistics', { runs, by });

/** Through the traces of one policy, or of all. */
export const search = (text: string, policy: string | null) =>
  invoke<SearchResult>('search', { text, policy });

/** Both say where the file lies. */
export const exportCsv = (of: CsvTable, out: string) => invoke<string>('export_csv', { of, out });

export const exportSvg = (svg: string, out: string) => invoke<string>('export_svg', { svg, out });
