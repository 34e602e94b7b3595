//! Models: what is there, fetching, checking, measuring.

use super::{Reply, to_window};
use crate::host::Host;
use studio::view::{
    CheckpointView, FetchRequest, FetchedView, ModelProgress, ModelsView, SpeedView, VerifiedView,
};
use tauri::State;
use tauri::ipc::Channel;

#[tauri::command]
pub(super) async fn models(host: State<'_, Host>) -> Reply<ModelsView> {
    Ok(host.studio().await?.models_view())
}

#[tauri::command]
pub(super) async fn model_info(host: State<'_, Host>, id: String) -> Reply<CheckpointView> {
    host.studio().await?.model_info(&id).await
}

/// Returns when the model is there; progress travels through `on_progress`.
#[tauri::command]
pub(super) async fn fetch_model(
    host: State<'_, Host>,
    request: FetchRequest,
    on_progress: Channel<ModelProgress>,
) -> Reply<FetchedView> {
    let studio = host.studio().await?;
    studio.fetch_model(request, to_window(on_progress)).await
}

#[tauri::command]
pub(super) async fn verify_model(
    host: State<'_, Host>,
    id: String,
    on_progress: Channel<ModelProgress>,
) -> Reply<VerifiedView> {
    let studio = host.studio().await?;
    studio.verify_model(&id, to_window(on_progress)).await
}

#[tauri::command]
pub(super) async fn speed_test(host: State<'_, Host>, id: String) -> Reply<SpeedView> {
    host.studio().await?.speed_test(&id).await
}

#[tauri::command]
pub(super) async fn cancel_model_task(host: State<'_, Host>) -> Reply<()> {
    host.studio().await?.cancel_model_task();
    Ok(())
}
