//! Models on servers over IPC, and the question before content leaves the machine.

use super::{code, page};
use serde_json::json;

#[test]
fn models_on_servers_are_listed_and_content_does_not_leave_unasked() {
    let page = page(|_| {});
    let address = "https://gpu.example.invalid/v1#m";
    let shown = page.get("add_server", json!({ "address": address, "options": {} }));
    let models = shown["models"].as_array().unwrap();
    let server = &models.iter().find(|model| model["id"] == address).unwrap()["server"];
    assert_eq!(server["host"], "gpu.example.invalid");
    assert_eq!(
        (&server["leaves_machine"], &server["allowed"]),
        (&json!(true), &json!(false))
    );
    for command in ["server_models", "test_server"] {
        let refused = page
            .call(command, json!({ "address": address }))
            .unwrap_err();
        assert_eq!(code(&refused), "consent", "{refused}");
    }
    let refused = page
        .call("select_model", json!({ "id": address }))
        .unwrap_err();
    assert_eq!(code(&refused), "consent");
    let leave = json!({ "name": "gpu.example.invalid", "allowed": true, "plainHttp": false });
    page.get("decide_host", leave);
    // Now it is asked, and no resolver knows the name.
    let away = page
        .call("select_model", json!({ "id": address }))
        .unwrap_err();
    assert_eq!(code(&away), "model", "{away}");
    let bad = json!({ "address": "https://a:key@gpu.example.invalid/v1", "key": "k" });
    assert_eq!(
        code(&page.call("set_server_key", bad).unwrap_err()),
        "input"
    );
    let left = page.get("remove_server", json!({ "address": address }));
    assert!(!left["models"].to_string().contains("gpu.example.invalid"));
}
