//! Names of models.

use super::*;

#[test]
fn a_model_in_the_hubs_cache_has_its_own_name() {
    let name = |path: &str| name_in_cache(Path::new(path));
    assert_eq!(
        name("hub/models--openai--gpt-oss-20b/snapshots/c0ffee").as_deref(),
        Some("openai/gpt-oss-20b")
    );
    assert_eq!(name("hub/models--a--b/other/c0ffee"), None);
    assert_eq!(name("models/pebble"), None);
}
