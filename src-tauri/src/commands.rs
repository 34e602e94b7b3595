//! The window's commands: each is one call into the studio. Arguments and results are
//! `studio::view` types, every error is a `Failure`.

mod bundles;
mod files;
mod insight;
mod models;
mod screens;
mod servers;

use crate::host::Host;
use domain::run::RunId;
use studio::import::{Existing, ImportPreview, ImportReport, Plan, Reading};
use studio::view::{
    EvaluateRequest, Failure, PolicyAnalysis, PolicyDocument, Release, ReleaseView, RunEvent,
    RunSummary, RunView, SaveResult, SignOff, SignOffRequest, SuiteEdit, SuiteSaved, TraceView,
    WorkspaceEvent, WorkspaceView,
};
use tauri::ipc::{Channel, Invoke};
use tauri::{AppHandle, Runtime, State};

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
        release_view,
        release,
        sign_off,
        bundles::export_bundle,
        bundles::verify_bundle,
        bundles::import_bundle,
        watch,
        files::pick_folder,
        files::pick_file,
        files::pick_target,
        files::drops,
        servers::add_server,
        servers::remove_server,
        servers::server_models,
        servers::test_server,
        servers::set_server_key,
        servers::decide_host,
        import_preview,
        import_suite,
        insight::confirm,
        insight::attribute,
        insight::attribution,
        insight::ablate,
        insight::ablation,
        insight::cancel_probes,
        screens::compare,
        screens::coverage,
        screens::statistics,
        screens::search,
        screens::export_csv,
        screens::export_svg,
        models::models,
        models::model_info,
        models::fetch_model,
        models::verify_model,
        models::speed_test,
        models::cancel_model_task,
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
async fn release_view(host: State<'_, Host>, policy: String) -> Reply<ReleaseView> {
    host.studio().await?.release_view(&policy).await
}

#[tauri::command]
async fn release(
    host: State<'_, Host>,
    policy: String,
    version: String,
    change_log: String,
) -> Reply<Release> {
    let studio = host.studio().await?;
    studio.release(&policy, &version, &change_log).await
}

#[tauri::command]
async fn sign_off(host: State<'_, Host>, request: SignOffRequest) -> Reply<Vec<SignOff>> {
    host.studio().await?.sign_off(request).await
}

#[tauri::command]
async fn watch(host: State<'_, Host>, on_event: Channel<WorkspaceEvent>) -> Reply<()> {
    host.watch(to_window(on_event)).await
}

#[tauri::command]
async fn import_preview(
    host: State<'_, Host>,
    file: String,
    reading: Reading,
    plan: Option<Plan>,
) -> Reply<ImportPreview> {
    let studio = host.studio().await?;
    studio.import_preview(file.into(), reading, plan).await
}

#[tauri::command]
async fn import_suite(
    host: State<'_, Host>,
    file: String,
    reading: Reading,
    plan: Plan,
    policy: String,
    existing: Existing,
) -> Reply<ImportReport> {
    let studio = host.studio().await?;
    studio
        .import_suite(file.into(), reading, plan, &policy, existing)
        .await
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
