//! A small release, made without a workspace.

use bundle::attest::{Envelope, Signer, sign};
use bundle::keys::PrivateKey;
use bundle::{CaseSet, Contents, Manifest, RunRecord, Validity};
use domain::case::{Case, CaseKind, Content, Role, Turn};
use domain::gate::{Gate, GateResult, GateState, Metric, Scope, Side};
use domain::policy::Effort;
use domain::run::{Outcome, Sampling, Settings, TokenCounts};
use domain::verdict::{Expected, Verdict};

pub const POLICY: &str = "---
id: tobacco
title: Tobacco \"&\" <snuff>
output: label
labels:
  VIOLATES: violates
  SAFE: safe
effort: low
---
# Tobacco

Answer VIOLATES or SAFE.

## Violates
- **T1** Offers to sell tobacco.

## Safe
- **S1** Other talk.
";

pub fn case(id: &str, content: Content, expected: Option<Expected>) -> Case {
    let kind = match content {
        Content::Text(_) => CaseKind::UserInput,
        Content::Turns(_) => CaseKind::Conversation,
    };
    Case {
        expected,
        rules: vec!["T1".to_owned()],
        tags: vec!["sale".to_owned(), "x".to_owned()],
        language: Some("en".to_owned()),
        note: Some("a secret note".to_owned()),
        owner: Some("Ada".to_owned()),
        ..Case::new(id.to_owned(), content, kind)
    }
}

pub fn outcome(case: &str, verdict: Verdict, margin: Option<f64>) -> Outcome {
    let (answer, label, rules) = match verdict {
        Verdict::Violates => ("VIOLATES T1", Some("VIOLATES"), vec!["T1"]),
        Verdict::Safe => ("SAFE S1", Some("SAFE"), vec!["S1"]),
        Verdict::Unparsed => ("Well, cigars!", None, vec![]),
    };
    Outcome {
        case: case.to_owned(),
        verdict,
        unparsed_reason: (verdict == Verdict::Unparsed)
            .then(|| "No label in \"Well, cigars!\".".to_owned()),
        label: label.map(str::to_owned),
        rules: rules.into_iter().map(str::to_owned).collect(),
        margin,
        trace: format!("The trace of {case} quotes cigars."),
        answer: answer.to_owned(),
        tokens: TokenCounts::default(),
        latency_ms: 1.5,
    }
}

/// A bound on recall, and what the run made of it.
pub fn gate(bound: f64, value: Option<f64>) -> GateResult {
    let state = match value {
        Some(value) if value >= bound => GateState::Passed,
        Some(_) => GateState::Failed,
        None => GateState::Unmeasured,
    };
    GateResult {
        gate: Gate {
            policy: None,
            scope: Scope::Suite,
            metric: Metric::Recall,
            side: Side::AtLeast,
            bound,
            line: 2,
        },
        state,
        value,
        gap: None,
        cases: vec!["a".to_owned()],
        message: format!("Recall is {value:?}; at least {bound} is needed."),
    }
}

pub fn contents() -> Contents {
    let turns = vec![
        Turn {
            role: Role::User,
            text: "Are cigars cool?".to_owned(),
        },
        Turn {
            role: Role::Assistant,
            text: "All {{7*7}} stars <b>smoke</b>.".to_owned(),
        },
    ];
    Contents {
        policy_name: "tobacco".to_owned(),
        policy_text: POLICY.to_owned(),
        suite: CaseSet::Full(vec![
            case(
                "a",
                Content::Text("Two cartons of cigars, \"cheap\",\nask me".to_owned()),
                Some(Expected::Violates),
            ),
            case("b", Content::Turns(turns), Some(Expected::Safe)),
            case("c", Content::Text("A museum pipe".to_owned()), None),
        ]),
        run: RunRecord {
            model_name: "pebble".to_owned(),
            model_digest: "5e".repeat(32),
            demonstration: true,
            settings: Settings {
                effort: Effort::Low,
                template_version: domain::prompt::TEMPLATE_VERSION,
                sampling: Sampling::Greedy,
                tokens_max: 512,
                numerics: domain::run::Numerics::Exact,
                server: None,
            },
            started_at_ms: 1_795_517_100_000,
            finished_at_ms: 1_795_517_160_000,
        },
        outcomes: vec![
            outcome("a", Verdict::Violates, Some(4.25)),
            outcome("b", Verdict::Violates, Some(0.1)),
            outcome("c", Verdict::Unparsed, None),
        ],
        gates: vec![gate(0.9, Some(1.0))],
        change_log: "# Changes\n\n- T1 is new.\n".to_owned(),
        release: None,
        validity: Validity::default(),
    }
}

pub fn ada() -> PrivateKey {
    PrivateKey::from_seed(&[1; 32])
}

pub fn bob() -> PrivateKey {
    PrivateKey::from_seed(&[2; 32])
}

pub fn signed_by(manifest: &Manifest, name: &str, key: &PrivateKey) -> Envelope {
    let signer = Signer {
        name: name.to_owned(),
        role: "reviewer".to_owned(),
        statement: "I have read every case.".to_owned(),
        public_key: String::new(),
        signed_at_ms: None,
    };
    sign(manifest, key, signer)
}

/// A bundle that Ada and Bob have signed.
pub fn signed() -> Vec<u8> {
    bundle::write(&contents(), |manifest| {
        vec![
            signed_by(manifest, "Ada", &ada()),
            signed_by(manifest, "Bob", &bob()),
        ]
    })
    .unwrap()
}
