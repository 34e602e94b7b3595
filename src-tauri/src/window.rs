//! The one window: its size, its title, its colour before the first paint.

use crate::session::{self, Session};
use std::path::PathBuf;
use std::sync::Mutex;
use studio::view::WorkspaceView;
use tauri::utils::config::Color;
use tauri::{
    AppHandle, LogicalSize, Manager, Runtime, Theme, WebviewUrl, WebviewWindow,
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
    let window = WebviewWindowBuilder::new(app, LABEL, WebviewUrl::App("index.html".into()))
        .title("Touchstone")
        .inner_size(session.width, session.height)
        .min_inner_size(session::WIDTH_MIN, session::HEIGHT_MIN)
        .maximized(session.maximized)
        .background_color(DARK)
        .build()?;
    if matches!(window.theme(), Ok(Theme::Light)) {
        window.set_background_color(Some(LIGHT))?;
    }
    Ok(window)
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

/// Remembers the size when the window closes.
pub fn on_event<R: Runtime>(window: &Window<R>, event: &WindowEvent) {
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
