//! Bundles over IPC: one that holds is imported, one that does not says why and is not.

use super::{code, page};
use serde_json::json;
use std::path::Path;

fn asked(file: &Path) -> serde_json::Value {
    let request = json!({
        "file": file, "trust_file": null, "rerun": false, "any_model": false, "name": "theirs",
        "withheld": null,
    });
    json!({ "request": request, "onProgress": "__CHANNEL__:11" })
}

#[test]
fn a_bundle_is_verified_and_imported() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = page(|_| {});
    let sound = root.join("fuzz/sound.tar.gz");
    let report = page.get("verify_bundle", asked(&sound));
    assert_eq!(report["verified"], true, "{report}");
    assert_eq!(report["signatures"][0]["name"], "Ada");
    let imported = page.get("import_bundle", asked(&sound));
    assert_eq!(imported["policy"], "theirs");
    assert!(page.read("policies/theirs.md").contains("# Tobacco"));

    let tampered = root.join("fixtures/hostile-bundles/tampered.tar.gz");
    let report = page.get("verify_bundle", asked(&tampered));
    assert_eq!(
        (&report["verified"], &report["summary"]),
        (&json!(false), &json!(null))
    );
    let refused = page.call("import_bundle", asked(&tampered)).unwrap_err();
    assert_eq!(code(&refused), "input", "{refused}");
}
