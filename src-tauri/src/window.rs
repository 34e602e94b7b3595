//! The one window: its size, its title, its colour before the first paint.

use crate::host::Host;
use crate::session::{self, Session};
use std::path::PathBuf;
use std::sync::Mutex;
use studio::view::{FileDrop, WorkspaceView};
use tauri::utils::config::Color;
use tauri::{
    AppHandle, DragDropEvent, LogicalSize, Manager, Runtime, Theme, WebviewUrl, WebviewWindow,
    WebviewWindowBuilder, Window, WindowEvent,
};

const LABEL: &str = "main";
// The page's own backgrounds (ui/src/styles/tokens.css), so that nothing flashes.
const DARK: Color = Color(22, 24, 28, 255);
const LIGHT: Color = Color(250, 250, 251, 255);

/// What is remembered, and where.
pub struct Remembered {
    pub file: PathBuf,
    pub session: Mutex<Session>,
}

impl Remembered {
    fn change(&self, change: impl FnOnce(&mut Session)) {
        let mut session = self
            .session
            .lock()
            .unwrap_or_else(|poison| poison.into_inner());
        change(&mut session);
        session::write(&self.file, &session);
    }
}

pub fn open<R: Runtime>(app: &AppHandle<R>, session: &Session) -> tauri::Result<WebviewWindow<R>> {
    let (width, height) = on_screen(app, session);
    let window = WebviewWindowBuilder::new(app, LABEL, WebviewUrl::App("index.html".into()))
        .title("Touchstone")
        .inner_size(width, height)
        .min_inner_size(session::WIDTH_MIN, session::HEIGHT_MIN)
        .maximized(session.maximized)
        .background_color(DARK)
        .build()?;
    if matches!(window.theme(), Ok(Theme::Light)) {
        window.set_background_color(Some(LIGHT))?;
    }
    Ok(window)
}

/// The size that is remembered, and no larger than the screen, where that is known.
fn on_screen<R: Runtime>(app: &AppHandle<R>, session: &Session) -> (f64, f64) {
    let Ok(Some(screen)) = app.primary_monitor() else {
        return (session.width, session.height);
    };
    let size: LogicalSize<f64> = screen.size().to_logical(screen.scale_factor());
    (
        session.width.min(size.width),
        session.height.min(size.height),
    )
}

/// Names the workspace in the title and remembers it.
pub fn show_workspace<R: Runtime>(app: &AppHandle<R>, view: &WorkspaceView) {
    if let Some(window) = app.get_webview_window(LABEL)
        && let Err(error) = window.set_title(&format!("{} – Touchstone", view.name))
    {
        tracing::debug!("the title could not be set: {error}");
    }
    if let Some(remembered) = app.try_state::<Remembered>() {
        remembered.change(|session| session.workspace = Some(PathBuf::from(&view.root)));
    }
}

/// Tells of dropped files; remembers the size when the window closes.
pub fn on_event<R: Runtime>(window: &Window<R>, event: &WindowEvent) {
    if let WindowEvent::DragDrop(drag) = event
        && let (Some(host), Some(drop)) = (window.try_state::<Host>(), file_drop(drag))
    {
        host.dropped(drop);
    }
    if !matches!(event, WindowEvent::CloseRequested { .. }) {
        return;
    }
    let Some(remembered) = window.try_state::<Remembered>() else {
        return;
    };
    let maximized = window.is_maximized().unwrap_or(false);
    let size = window.inner_size().ok().zip(window.scale_factor().ok());
    remembered.change(|session| {
        session.maximized = maximized;
        // A maximised window's size is the screen's; the one before is worth keeping.
        if let (false, Some((size, scale))) = (maximized, size) {
            let size: LogicalSize<f64> = size.to_logical(scale);
            (session.width, session.height) = (size.width, size.height);
        }
    });
}

fn file_drop(event: &DragDropEvent) -> Option<FileDrop> {
    match event {
        DragDropEvent::Enter { paths, .. } => (!paths.is_empty()).then_some(FileDrop::Over),
        DragDropEvent::Drop { paths, .. } => Some(FileDrop::Dropped {
            files: paths
                .iter()
                .map(|path| path.display().to_string())
                .collect(),
        }),
        DragDropEvent::Leave => Some(FileDrop::Left),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};
    use tauri::PhysicalPosition;

    #[test]
    fn dropped_files_reach_whoever_listens() {
        let host = Host::new(None);
        host.dropped(FileDrop::Left);
        let heard = Arc::new(Mutex::new(Vec::new()));
        let into = heard.clone();
        host.listen_to_drops(move |event| into.lock().expect("not poisoned").push(event));
        let (position, paths) = (PhysicalPosition::new(0.0, 0.0), vec!["cases.csv".into()]);
        let events = [
            DragDropEvent::Enter {
                paths: paths.clone(),
                position,
            },
            DragDropEvent::Over { position },
            DragDropEvent::Drop { paths, position },
        ];
        for event in events.iter().filter_map(file_drop) {
            host.dropped(event);
        }
        let files = vec!["cases.csv".to_owned()];
        let wanted = [FileDrop::Over, FileDrop::Dropped { files }];
        assert_eq!(*heard.lock().expect("not poisoned"), wanted);
    }
}
