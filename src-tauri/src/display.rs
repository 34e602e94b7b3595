//! How the window is drawn. Where there is no GPU, WebKitGTK composites through OpenGL all the
//! same, in software: each frame then costs several times what drawing the changed part does, on
//! the cores that the model needs. There the processor draws alone.

use std::path::Path;

/// WebKitGTK's own switch; whoever has set it decides.
const SWITCH: &str = "WEBKIT_DISABLE_COMPOSITING_MODE";

/// Must come first: the variable is read when the page's process starts, and no thread may
/// read the environment meanwhile.
pub(crate) fn choose() {
    if !cfg!(target_os = "linux")
        || std::env::var_os(SWITCH).is_some()
        || has_gpu(Path::new("/dev"))
    {
        return;
    }
    // SAFETY: called at the start of the program, which has one thread yet.
    unsafe { std::env::set_var(SWITCH, "1") };
}

/// A GPU that draws has a render node, NVIDIA's own driver a node of its own, and a Windows host
/// lends one.
fn has_gpu(dev: &Path) -> bool {
    let render_node = |name: std::ffi::OsString| name.to_string_lossy().starts_with("renderD");
    let nodes = std::fs::read_dir(dev.join("dri")).into_iter().flatten();
    nodes.flatten().any(|node| render_node(node.file_name()))
        || ["nvidia0", "dxg"]
            .iter()
            .any(|name| dev.join(name).exists())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use std::fs::{create_dir, write};

    #[test]
    fn a_gpu_is_known_by_its_node() {
        let dev = tempfile::tempdir().unwrap();
        assert!(!has_gpu(dev.path()));
        create_dir(dev.path().join("dri")).unwrap();
        write(dev.path().join("dri/card0"), "").unwrap();
        assert!(!has_gpu(dev.path()), "a card that only shows");
        write(dev.path().join("dri/renderD128"), "").unwrap();
        assert!(has_gpu(dev.path()));
        for name in ["nvidia0", "dxg"] {
            let dev = tempfile::tempdir().unwrap();
            write(dev.path().join(name), "").unwrap();
            assert!(has_gpu(dev.path()));
        }
    }
}
