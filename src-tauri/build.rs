//! Embeds ui/dist and the capabilities; refuses to build without the window's pages.

use std::path::Path;

fn main() {
    println!("cargo:rerun-if-changed=src-tauri/capabilities");
    println!("cargo:rerun-if-changed=ui/dist/index.html");
    assert!(
        Path::new("ui/dist/index.html").exists(),
        "ui/dist/index.html is missing: run `npm ci && npm run build` in ui/, or ./scripts/start.sh"
    );
    let attributes =
        tauri_build::Attributes::new().capabilities_path_pattern("src-tauri/capabilities/**/*");
    if let Err(error) = tauri_build::try_build(attributes) {
        panic!("tauri.conf.json or src-tauri/capabilities: {error:#}");
    }
}
