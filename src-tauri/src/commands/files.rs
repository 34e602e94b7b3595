//! Files from outside: what a person picks, and what is dropped on the window.

use super::{Reply, to_window};
use crate::host::Host;
use studio::view::FileDrop;
use tauri::ipc::Channel;
use tauri::{AppHandle, Runtime, State};
use tauri_plugin_dialog::{DialogExt, FilePath};

/// A folder that the person picks; absent when they thought better of it.
#[tauri::command]
pub(super) async fn pick_folder<R: Runtime>(app: AppHandle<R>) -> Reply<Option<String>> {
    Ok(picked(|answer| app.dialog().file().pick_folder(answer)).await)
}

/// A file that is there.
#[tauri::command]
pub(super) async fn pick_file<R: Runtime>(app: AppHandle<R>) -> Reply<Option<String>> {
    Ok(picked(|answer| app.dialog().file().pick_file(answer)).await)
}

/// A file or folder to write, first proposed under `name`.
#[tauri::command]
pub(super) async fn pick_target<R: Runtime>(
    app: AppHandle<R>,
    name: String,
) -> Reply<Option<String>> {
    let ask = |answer| app.dialog().file().set_file_name(name).save_file(answer);
    Ok(picked(ask).await)
}

type Answer = Box<dyn FnOnce(Option<FilePath>) + Send>;

async fn picked(ask: impl FnOnce(Answer)) -> Option<String> {
    let (answer, picked) = tokio::sync::oneshot::channel();
    ask(Box::new(move |path| {
        // The receiver is gone only when the window is.
        let _ = answer.send(path);
    }));
    let path = picked.await.ok().flatten()?.into_path().ok()?;
    Some(path.display().to_string())
}

/// Tells of files that are dragged over the window and dropped on it, from now on.
#[tauri::command]
pub(super) async fn drops(host: State<'_, Host>, on_event: Channel<FileDrop>) -> Reply<()> {
    host.listen_to_drops(to_window(on_event));
    Ok(())
}
