//! Compare, coverage, statistics, search and exports as the page calls them.

use super::page;
use serde_json::json;

#[test]
fn runs_are_compared_covered_searched_and_exported() {
    let page = page(|folder| {
        let suite = std::fs::read_to_string(folder.join("fixtures/tobacco.jsonl")).unwrap();
        let few: Vec<&str> = suite.lines().take(2).collect();
        std::fs::write(folder.join("fixtures/tobacco.jsonl"), few.join("\n")).unwrap();
    });
    let text = page.read("policies/tobacco.md");
    for text in [&text, &text.replace("T2 Promotes", "T2 Praises")] {
        let request = json!({
            "policy": "tobacco", "text": text, "effort": "low", "baseline": null,
            "delay_ms": 0, "only": [],
        });
        let asked = json!({ "request": request, "onEvent": "__CHANNEL__:7" });
        page.get("evaluate", asked);
    }
    let compared = page.get("compare", json!({ "a": 1, "b": 2 }));
    assert_eq!(compared["comparison"]["overlap"]["both"], 2);
    assert_eq!(compared["comparison"]["hunks"][0]["clauses"], json!(["T2"]));
    let coverage = page.get("coverage", json!({ "run": 2 }));
    assert_eq!(coverage["cases"].as_array().unwrap().len(), 2);
    let statistics = page.get("statistics", json!({ "runs": [2], "by": "kind" }));
    assert!(
        !statistics["policies"][0]["groups"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    let trace = page.get(
        "trace",
        json!({ "run": 2, "case": "tobacco-001", "baseline": 1 }),
    );
    let word = trace["trace"].as_str().unwrap().split(' ').next().unwrap();
    let found = page.get("search", json!({ "text": word, "policy": null }));
    assert!(!found["hits"].as_array().unwrap().is_empty());
    let of = json!({ "kind": "runs", "policy": "tobacco" });
    let path = page.get("export_csv", json!({ "of": of, "out": "runs.csv" }));
    assert!(path.as_str().unwrap().ends_with("runs.csv"));
    assert_eq!(page.read("runs.csv").lines().count(), 3);
    page.get(
        "export_svg",
        json!({ "svg": "<svg></svg>", "out": "curves.svg" }),
    );
    assert_eq!(page.read("curves.svg"), "<svg></svg>");
    let outside = json!({ "svg": "<svg></svg>", "out": "policies/tobacco.md" });
    assert!(page.call("export_svg", outside).is_err());
}
