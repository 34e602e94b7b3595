//! Confirming, attribution and ablation as the page calls them.

use super::{code, page};
use serde_json::json;

#[test]
fn flips_are_confirmed_attributed_and_their_verdicts_taken_apart() {
    let page = page(|_| {});
    let text = page.read("policies/tobacco.md");
    // Without the rule that most of the suite rests on, something flips whatever the weights.
    let rule = text.lines().find(|line| line.starts_with("T1 ")).unwrap();
    for text in [
        &text,
        &text.replace(rule, "T1 Asks for cigars in a theatre."),
    ] {
        let request = json!({
            "policy": "tobacco", "text": text, "effort": "low", "baseline": null,
            "delay_ms": 0, "only": [],
        });
        page.get(
            "evaluate",
            json!({ "request": request, "onEvent": "__CHANNEL__:7" }),
        );
    }
    let view = page.get("run_view", json!({ "run": 2, "baseline": 1 }));
    let rows = view["rows"].as_array().unwrap();
    let flip = rows.iter().find(|row| !row["flip"].is_null()).unwrap();
    let case = &flip["case"];
    assert_eq!(flip["certainty"], "undecided");
    assert!(flip.get("evidence").is_none());

    let request = json!({ "a": 1, "b": 2, "pairs_max": 8, "keep_order": false, "cases": [case] });
    let found = page.get(
        "confirm",
        json!({ "request": request, "onProgress": "__CHANNEL__:8" }),
    );
    assert_eq!(found["flips"], 1);
    let trace = page.get("trace", json!({ "run": 2, "case": case, "baseline": 1 }));
    assert_eq!(trace["row"]["evidence"]["test"], "samples");

    let known = page.get("attribution", json!({ "a": 1, "b": 2 }));
    assert_eq!(known["flips"], json!([]));
    let asked = json!({ "a": 1, "b": 2, "cases": [case], "onProgress": "__CHANNEL__:9" });
    let found = page.get("attribute", asked);
    // The edit has one hunk, so that it is the cause.
    assert_eq!(found["flips"][0]["cause"], "one");
    assert_eq!(found["hunks"][0]["clauses"], json!(["T1"]));
    assert_eq!(
        page.get("attribution", json!({ "a": 1, "b": 2 }))["flips"],
        found["flips"]
    );

    let of = json!({ "run": 2, "case": case });
    assert!(page.get("ablation", of.clone()).is_null());
    let asked = json!({ "run": 2, "case": case, "onProgress": "__CHANNEL__:10" });
    let found = page.get("ablate", asked);
    assert!(found["without"].as_array().unwrap().len() > 3);
    assert_eq!(page.get("ablation", of)["without"], found["without"]);

    page.get("cancel_probes", json!({}));
    let nobody = json!({ "run": 2, "case": "nobody", "onProgress": "__CHANNEL__:11" });
    assert_eq!(code(&page.call("ablate", nobody).unwrap_err()), "input");
}
