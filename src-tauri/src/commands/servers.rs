//! Models on servers, their keys, and the hosts that content may be sent to.

use super::Reply;
use crate::host::Host;
use studio::view::{FoundModel, ServerCheck, ServerOptions, WorkspaceView};
use tauri::State;

#[tauri::command]
pub(super) async fn add_server(
    host: State<'_, Host>,
    address: String,
    options: ServerOptions,
) -> Reply<WorkspaceView> {
    let studio = host.studio().await?;
    studio.add_server(&address, &options).await?;
    studio.workspace().await
}

#[tauri::command]
pub(super) async fn remove_server(host: State<'_, Host>, address: String) -> Reply<WorkspaceView> {
    let studio = host.studio().await?;
    studio.remove_server(&address).await?;
    studio.workspace().await
}

#[tauri::command]
pub(super) async fn server_models(
    host: State<'_, Host>,
    address: String,
) -> Reply<Vec<FoundModel>> {
    host.studio().await?.server_models(&address).await
}

#[tauri::command]
pub(super) async fn test_server(host: State<'_, Host>, address: String) -> Reply<ServerCheck> {
    host.studio().await?.test_server(&address).await
}

/// Where the key is kept, in words; without one, the stored key is removed.
#[tauri::command]
pub(super) async fn set_server_key(
    host: State<'_, Host>,
    address: String,
    key: Option<String>,
) -> Reply<String> {
    let studio = host.studio().await?;
    studio.set_server_key(&address, key.as_deref()).await
}

/// The person's answer to whether content may leave the machine for a host.
#[tauri::command]
pub(super) async fn decide_host(
    host: State<'_, Host>,
    name: String,
    allowed: bool,
    plain_http: bool,
) -> Reply<WorkspaceView> {
    let studio = host.studio().await?;
    studio.decide_host(&name, allowed, plain_http).await?;
    studio.workspace().await
}
