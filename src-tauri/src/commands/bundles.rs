//! Bundles out of the workspace and into it. Each command returns when all is done; the steps
//! travel through `on_progress`.

use super::{Reply, to_window};
use crate::host::Host;
use studio::view::{
    BundleProgress, BundleReport, ExportRequest, Exported, ImportRequest, Imported, VerifyRequest,
};
use tauri::State;
use tauri::ipc::Channel;

#[tauri::command]
pub(super) async fn export_bundle(
    host: State<'_, Host>,
    request: ExportRequest,
    on_progress: Channel<BundleProgress>,
) -> Reply<Exported> {
    let studio = host.studio().await?;
    studio.export_bundle(request, to_window(on_progress)).await
}

/// A bundle that does not hold is a report, not an error.
#[tauri::command]
pub(super) async fn verify_bundle(
    host: State<'_, Host>,
    request: VerifyRequest,
    on_progress: Channel<BundleProgress>,
) -> Reply<BundleReport> {
    let studio = host.studio().await?;
    studio.verify_bundle(request, to_window(on_progress)).await
}

#[tauri::command]
pub(super) async fn import_bundle(
    host: State<'_, Host>,
    request: ImportRequest,
    on_progress: Channel<BundleProgress>,
) -> Reply<Imported> {
    let studio = host.studio().await?;
    studio.import_bundle(request, to_window(on_progress)).await
}
