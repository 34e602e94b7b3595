//! Whether flips are real, which hunk caused them, and what a verdict rests on. Each asks the
//! model behind evaluations; what is known already is told without asking.

use super::{Reply, to_window};
use crate::host::Host;
use domain::run::RunId;
use studio::view::{Ablation, Attribution, ConfirmRequest, Confirmed, Probing};
use tauri::State;
use tauri::ipc::Channel;

/// Returns when the flips are tested; what is found meanwhile travels through `on_progress`.
#[tauri::command]
pub(super) async fn confirm(
    host: State<'_, Host>,
    request: ConfirmRequest,
    on_progress: Channel<Probing>,
) -> Reply<Confirmed> {
    let studio = host.studio().await?;
    studio.confirm(request, to_window(on_progress)).await
}

#[tauri::command]
pub(super) async fn attribute(
    host: State<'_, Host>,
    a: RunId,
    b: RunId,
    cases: Vec<String>,
    on_progress: Channel<Probing>,
) -> Reply<Attribution> {
    let studio = host.studio().await?;
    studio.attribute(a, b, &cases, to_window(on_progress)).await
}

/// What is known of the causes, without asking the model.
#[tauri::command]
pub(super) async fn attribution(host: State<'_, Host>, a: RunId, b: RunId) -> Reply<Attribution> {
    host.studio().await?.attribution(a, b).await
}

#[tauri::command]
pub(super) async fn ablate(
    host: State<'_, Host>,
    run: RunId,
    case: String,
    on_progress: Channel<Probing>,
) -> Reply<Ablation> {
    let studio = host.studio().await?;
    studio.ablate(run, &case, to_window(on_progress)).await
}

/// What a verdict rests on, where that is known; the model is not asked.
#[tauri::command]
pub(super) async fn ablation(
    host: State<'_, Host>,
    run: RunId,
    case: String,
) -> Reply<Option<Ablation>> {
    host.studio().await?.ablation(run, &case).await
}

/// Ends these, and no evaluation.
#[tauri::command]
pub(super) async fn cancel_probes(host: State<'_, Host>) -> Reply<()> {
    host.studio().await?.cancel_probes();
    Ok(())
}
