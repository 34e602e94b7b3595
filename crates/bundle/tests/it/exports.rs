//! The forms of other tools, as far as they can be judged without those tools.

use crate::support::{contents, gate};
use bundle::{Format, SALT_BYTES, Salt, export, report, withhold};
use serde_json::Value;

const FORMATS: [(&str, Format); 5] = [
    ("opa", Format::Opa),
    ("promptfoo", Format::Promptfoo),
    ("openai_evals", Format::OpenaiEvals),
    ("inspect", Format::Inspect),
    ("roost", Format::Roost),
];

#[test]
fn every_form_is_what_it_was() {
    for (name, format) in FORMATS {
        let mut all = String::new();
        for (path, bytes) in export(&contents(), format).unwrap() {
            all += &format!("==== {path}\n{}", String::from_utf8(bytes).unwrap());
        }
        insta::assert_snapshot!(name, all);
    }
}

#[test]
fn every_json_line_is_json() {
    for (_, format) in FORMATS {
        for (path, bytes) in export(&contents(), format).unwrap() {
            let text = String::from_utf8(bytes).unwrap();
            if path.ends_with(".jsonl") {
                assert!(text.lines().count() >= 2, "{path}");
                for line in text.lines() {
                    serde_json::from_str::<Value>(line).unwrap();
                }
            }
        }
    }
}

#[test]
fn what_is_withheld_cannot_leave_by_another_door() {
    let quiet = withhold(contents(), &Salt([9; SALT_BYTES]));
    for (name, format) in FORMATS {
        assert!(export(&quiet, format).is_err(), "{name}");
    }
    let page = report(&quiet, &[]).unwrap();
    assert!(!page.contains("cigars") && page.contains("withheld"));
}

#[test]
fn the_report_is_one_page_that_loads_nothing() {
    let page = report(&contents(), &[]).unwrap();
    assert!(
        page.contains("Tobacco &quot;&amp;&quot; &lt;snuff&gt;"),
        "texts are escaped"
    );
    assert!(
        page.contains("All {{7*7}} stars &lt;b&gt;smoke"),
        "content is no template"
    );
    assert!(page.contains("Judged by a demonstration model."));
    for outside in ["http://", "https://", "src=", "<script", "@import", "url("] {
        assert!(!page.contains(outside), "{outside}");
    }
    insta::assert_snapshot!(page);
}

/// Whatever leaves though its gates are not met says so, whoever opens it.
#[test]
fn unmet_gates_are_stated_everywhere() {
    for (gates, said) in [
        (vec![gate(0.9, Some(0.5))], "at least 0.9 is needed"),
        (vec![gate(0.9, None)], "at least 0.9 is needed"),
        (Vec::new(), "No gate is set"),
    ] {
        let mut unmet = contents();
        unmet.gates = gates;
        for (name, format) in FORMATS {
            let files = export(&unmet, format).unwrap();
            let notice = String::from_utf8_lossy(&files["GATES-NOT-MET.md"]).into_owned();
            assert!(notice.contains(said), "{name}: {notice}");
            assert!(
                !export(&contents(), format)
                    .unwrap()
                    .contains_key("GATES-NOT-MET.md")
            );
        }
        let page = report(&unmet, &[]).unwrap();
        assert!(page.contains("Not every release gate is met") || page.contains("No release gate"));
        let packed = bundle::write(&unmet, |_| Vec::new()).unwrap();
        let read = bundle::read(&packed).unwrap();
        assert_ne!(read.manifest.gates, bundle::GateOutcome::Met);
        assert_eq!(read.contents.gates, unmet.gates);
    }
}

#[test]
fn the_schema_takes_a_manifest_and_names_every_field() {
    let schema = bundle::schema();
    let manifest = bundle::read(&crate::support::signed()).unwrap().manifest;
    let manifest = serde_json::to_value(manifest).unwrap();
    for field in manifest.as_object().unwrap().keys() {
        assert!(schema["properties"].get(field).is_some(), "{field}");
    }
    assert_eq!(schema["additionalProperties"], Value::Bool(false));
}
