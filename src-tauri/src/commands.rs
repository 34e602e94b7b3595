//! The window's commands: each is one call into the studio. Arguments and results are
//! `studio::view` types, every error is a `Failure`.

use crate::host::Host;
use domain::run::RunId;
use studio::view::{
    CheckpointView, EvaluateRequest, Failure, FetchRequest, FetchedView, ModelProgress, ModelsView,
    PolicyAnalysis, PolicyDocument, RunEvent, RunSummary, RunView, SaveResult, SpeedView,
    SuiteEdit, SuiteSaved, TraceView, VerifiedView, WorkspaceEvent, WorkspaceView,
};
use tauri::ipc::{Channel, Invoke};
use tauri::{AppHandle, Runtime, State};
use tauri_plugin_dialog::DialogExt;

type Reply<T> = Result<T, Failure>;

/// Every command, for the window's builder and for the tests'.
pub fn handler<R: Runtime>() -> impl Fn(Invoke<R>) -> bool + Send + Sync + 'static {
    tauri::generate_handler![
        workspace,
        open_workspace,
        move_database_aside,
        open_policy,
        create_policy,
        analyze,
        save_policy,
        edit_suite,
        evaluate,
        resume,
        cancel,
        runs,
        run_view,
        trace,
        watch_trace,
        set_baseline,
        restore,
        select_model,
        watch,
        pick_folder,
        models,
        model_info,
        fetch_model,
        verify_model,
        speed_test,
        cancel_model_task,
    ]
}

#[tauri::command]
async fn workspace(host: State<'_, Host>) -> Reply<WorkspaceView> {
    host.studio().await?.workspace().await
}

#[tauri::command]
async fn open_workspace<R: Runtime>(
    app: AppHandle<R>,
    host: State<'_, Host>,
    path: String,
) -> Reply<WorkspaceView> {
    let view = host.open(path.into()).await?.workspace().await?;
    crate::window::show_workspace(&app, &view);
    Ok(view)
}

#[tauri::command]
async fn move_database_aside(host: State<'_, Host>) -> Reply<WorkspaceView> {
    host.move_database_aside().await?.workspace().await
}

#[tauri::command]
async fn open_policy(host: State<'_, Host>, name: String) -> Reply<PolicyDocument> {
    host.studio().await?.open_policy(&name).await
}

#[tauri::command]
async fn create_policy(
    host: State<'_, Host>,
    name: String,
    title: String,
) -> Reply<PolicyDocument> {
    host.studio().await?.create_policy(&name, &title).await
}

#[tauri::command]
async fn analyze(
    host: State<'_, Host>,
    name: String,
    text: String,
    baseline: Option<RunId>,
) -> Reply<PolicyAnalysis> {
    host.studio().await?.analyze(&name, &text, baseline).await
}

#[tauri::command]
async fn save_policy(
    host: State<'_, Host>,
    name: String,
    text: String,
    base_hash: String,
) -> Reply<SaveResult> {
    let studio = host.studio().await?;
    studio.save_policy(&name, &text, &base_hash).await
}

#[tauri::command]
async fn edit_suite(
    host: State<'_, Host>,
    name: String,
    base_hash: String,
    edit: SuiteEdit,
) -> Reply<SuiteSaved> {
    host.studio()
        .await?
        .edit_suite(&name, &base_hash, edit)
        .await
}

/// Returns when the run has ended; what happens meanwhile travels through `on_event`.
#[tauri::command]
async fn evaluate(
    host: State<'_, Host>,
    request: EvaluateRequest,
    on_event: Channel<RunEvent>,
) -> Reply<()> {
    let studio = host.studio().await?;
    studio.evaluate(request, to_window(on_event)).await?;
    Ok(())
}

#[tauri::command]
async fn resume(host: State<'_, Host>, run: RunId, on_event: Channel<RunEvent>) -> Reply<()> {
    let studio = host.studio().await?;
    studio.resume(run, to_window(on_event)).await?;
    Ok(())
}

#[tauri::command]
async fn cancel(host: State<'_, Host>) -> Reply<()> {
    host.studio().await?.cancel();
    Ok(())
}

#[tauri::command]
async fn runs(host: State<'_, Host>, policy: String) -> Reply<Vec<RunSummary>> {
    host.studio().await?.runs(&policy).await
}

#[tauri::command]
async fn run_view(host: State<'_, Host>, run: RunId, baseline: Option<RunId>) -> Reply<RunView> {
    host.studio().await?.run_view(run, baseline).await
}

#[tauri::command]
async fn trace(
    host: State<'_, Host>,
    run: RunId,
    case: String,
    baseline: Option<RunId>,
) -> Reply<TraceView> {
    host.studio().await?.trace(run, &case, baseline).await
}

#[tauri::command]
async fn watch_trace(host: State<'_, Host>, case: Option<String>) -> Reply<()> {
    host.studio().await?.watch_trace(case);
    Ok(())
}

#[tauri::command]
async fn set_baseline(host: State<'_, Host>, policy: String, run: Option<RunId>) -> Reply<()> {
    host.studio().await?.set_baseline(&policy, run).await
}

#[tauri::command]
async fn restore(host: State<'_, Host>, run: RunId) -> Reply<String> {
    host.studio().await?.restore(run).await
}

#[tauri::command]
async fn select_model(host: State<'_, Host>, id: String) -> Reply<WorkspaceView> {
    let studio = host.studio().await?;
    studio.select_model(&id).await?;
    studio.workspace().await
}

#[tauri::command]
async fn watch(host: State<'_, Host>, on_event: Channel<WorkspaceEvent>) -> Reply<()> {
    host.watch(to_window(on_event)).await
}

/// A folder that the person picks; absent when they thought better of it.
#[tauri::command]
async fn pick_folder<R: Runtime>(app: AppHandle<R>) -> Reply<Option<String>> {
    let (answer, picked) = tokio::sync::oneshot::channel();
    app.dialog().file().pick_folder(move |folder| {
        // The receiver is gone only when the window is.
        let _ = answer.send(folder);
    });
    let folder = picked.await.ok().flatten();
    Ok(folder.and_then(|folder| Some(folder.into_path().ok()?.display().to_string())))
}

#[tauri::command]
async fn models(host: State<'_, Host>) -> Reply<ModelsView> {
    Ok(host.studio().await?.models_view())
}

#[tauri::command]
async fn model_info(host: State<'_, Host>, id: String) -> Reply<CheckpointView> {
    host.studio().await?.model_info(&id).await
}

/// Returns when the model is there; progress travels through `on_progress`.
#[tauri::command]
async fn fetch_model(
    host: State<'_, Host>,
    request: FetchRequest,
    on_progress: Channel<ModelProgress>,
) -> Reply<FetchedView> {
    let studio = host.studio().await?;
    studio.fetch_model(request, to_window(on_progress)).await
}

#[tauri::command]
async fn verify_model(
    host: State<'_, Host>,
    id: String,
    on_progress: Channel<ModelProgress>,
) -> Reply<VerifiedView> {
    let studio = host.studio().await?;
    studio.verify_model(&id, to_window(on_progress)).await
}

#[tauri::command]
async fn speed_test(host: State<'_, Host>, id: String) -> Reply<SpeedView> {
    host.studio().await?.speed_test(&id).await
}

#[tauri::command]
async fn cancel_model_task(host: State<'_, Host>) -> Reply<()> {
    host.studio().await?.cancel_model_task();
    Ok(())
}

/// A window that has been closed or reloaded no longer listens; that is not an error.
fn to_window<T>(channel: Channel<T>) -> impl Fn(T) + Send + Sync + 'static
where
    T: serde::Serialize + Send + Sync + 'static,
{
    move |event| {
        if let Err(error) = channel.send(event) {
            tracing::debug!("an event found no listener: {error}");
        }
    }
}
