//! The desktop shell: a window, and one command for each call into the studio.
//! It holds no logic of its own: nothing here knows what a policy says.

mod commands;
mod display;
mod host;
mod session;
#[cfg(test)]
mod tests;
mod window;

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;
use tauri::{App, AppHandle, Manager, RunEvent};

const CLOSE_MAX: Duration = Duration::from_secs(2);

pub const HELP: &str = "\
Usage: touchstone-desktop [WORKSPACE]

Opens the studio's window on WORKSPACE, a folder with policies/ and fixtures/; else on
the last one opened, else on the sample workspace.

Environment: RUST_LOG sets what is logged to standard error (default: warn). Without a GPU the
window is drawn by the processor alone; WEBKIT_DISABLE_COMPOSITING_MODE, set to 0 or 1, decides.";

/// Opens the window and returns when it is closed.
pub fn run(workspace: Option<PathBuf>) -> tauri::Result<()> {
    display::choose();
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    tauri::Builder::default()
        .plugin(tauri_plugin_dialog::init())
        .invoke_handler(commands::handler())
        .on_window_event(window::on_event)
        .setup(move |app| Ok(set_up(app, workspace)?))
        .build(tauri::generate_context!())?
        .run(|app, event| {
            if let RunEvent::Exit = event {
                close(app);
            }
        });
    Ok(())
}

/// A database that does not close in time is opened again as after a crash, losing nothing
/// but the cases in flight.
fn close(app: &AppHandle) {
    let host = app.state::<host::Host>();
    tauri::async_runtime::block_on(async {
        if tokio::time::timeout(CLOSE_MAX, host.close()).await.is_err() {
            tracing::warn!("the studio did not close within {CLOSE_MAX:?}");
        }
    });
}

fn set_up(app: &App, asked: Option<PathBuf>) -> tauri::Result<()> {
    let file = app.path().app_config_dir()?.join("session.json");
    let session = session::read(&file);
    let root = session::choose(asked, session.workspace.as_deref());
    app.manage(host::Host::new(root));
    let opened = session.clone();
    let session = Mutex::new(session);
    app.manage(window::Remembered { file, session });
    window::open(app.handle(), &opened)?;

    // The workspace opens while the page loads; the page's first call waits for it.
    let app = app.handle().clone();
    tauri::async_runtime::spawn(async move {
        let host = app.state::<host::Host>();
        let opened = async { host.studio().await?.workspace().await };
        match opened.await {
            Ok(view) => window::show_workspace(&app, &view),
            Err(failure) => tracing::error!("{}", failure.message),
        }
    });
    Ok(())
}
