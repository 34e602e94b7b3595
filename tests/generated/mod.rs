//! What the tests of Pebble judge: the generated cases of fixtures/pebble-eval, the sample
//! suites, and how the studio asks about them.

use acceptance::root;
use domain::case::{Case, CaseKind, Content};
use domain::policy::{self, Policy};
use domain::prompt;
use domain::verdict::Expected;
use engine::{
    Alternatives, Cancel, Draft, Effort, Engine, Event, Prefix, Reply, Request, Sampling,
};
use std::fs;

/// As the studio runs it.
const TOKENS_MAX: u32 = 1024;

/// One generated case: a policy of its own, a content, and the verdict it should get.
#[derive(serde::Deserialize)]
pub struct Row {
    pub id: String,
    policy: String,
    contract: String,
    labels: serde_json::Map<String, serde_json::Value>,
    effort: String,
    content: String,
    expected: Expected,
    /// Two rows that differ in one clause of the policy have the same number.
    #[serde(default)]
    pub pair: u32,
}

impl Row {
    /// The row as a policy file and a case.
    pub fn read(&self) -> (Policy, Case) {
        let labels: String = self
            .labels
            .iter()
            .map(|(label, verdict)| format!("  {}: {verdict}\n", serde_json::json!(label)))
            .collect();
        let labels = if labels.is_empty() {
            labels
        } else {
            format!("labels:\n{labels}")
        };
        let file = format!(
            "---\nid: generated\noutput: {}\n{labels}effort: {}\n---\n{}",
            self.contract, self.effort, self.policy
        );
        let policy = policy::parse(file.as_bytes());
        let policy = policy.unwrap_or_else(|error| panic!("{}: {error}\n{file}", self.id));
        let case = Case {
            expected: Some(self.expected),
            ..Case::new(
                self.id.clone(),
                Content::Text(self.content.clone()),
                CaseKind::UserInput,
            )
        };
        (policy, case)
    }
}

pub fn rows(file: &str) -> Vec<Row> {
    let path = root().join("fixtures/pebble-eval").join(file);
    let text = fs::read_to_string(&path).expect("the generated cases are in the repository");
    let read = |line: &str| serde_json::from_str(line).expect("a row of the generator's format");
    text.lines().map(read).collect()
}

/// Cases that one policy judges.
pub struct Batch {
    /// The policy's file name; of generated ones nothing.
    pub name: String,
    pub policy: Policy,
    pub cases: Vec<Case>,
}

/// The rows of a file, those of one policy together: they share its prefix, as in a run.
pub fn batches(file: &str) -> Vec<Batch> {
    let mut found: Vec<Batch> = Vec::new();
    for row in rows(file) {
        let (policy, case) = row.read();
        let same = |batch: &&mut Batch| {
            (&batch.policy.revision, batch.policy.effort) == (&policy.revision, policy.effort)
        };
        match found.iter_mut().find(same) {
            Some(batch) => batch.cases.push(case),
            None => found.push(Batch {
                name: String::new(),
                policy,
                cases: vec![case],
            }),
        }
    }
    found
}

/// The sample policies with their suites.
pub fn samples() -> Vec<Batch> {
    let folder = fs::read_dir(root().join("policies")).expect("policies/ is readable");
    let mut files: Vec<_> = folder.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "md"));
    files.sort();
    assert!(files.len() >= 4, "{files:?}");
    let batch = |file: std::path::PathBuf| {
        let name = file.file_stem().expect("a policy has a name");
        let name = name.to_string_lossy().into_owned();
        let suite = root().join("fixtures").join(format!("{name}.jsonl"));
        let suite = fs::read(suite).expect("each policy has a suite");
        let (cases, problems) = domain::case::parse_suite(&suite);
        assert!(problems.is_empty(), "{name}: {problems:?}");
        assert!(cases.len() >= 40, "{name} has {} cases", cases.len());
        let bytes = fs::read(&file).expect("the policy is readable");
        let policy = policy::parse(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        Batch {
            name,
            policy,
            cases,
        }
    };
    files.into_iter().map(batch).collect()
}

pub fn prefix(policy: &Policy) -> Prefix {
    Prefix {
        effort: match policy.effort {
            policy::Effort::Low => Effort::Low,
            policy::Effort::Medium => Effort::Medium,
            policy::Effort::High => Effort::High,
        },
        developer: prompt::developer(policy),
    }
}

/// The greedy reply to each case, in their order.
pub fn replies(engine: &Engine, policy: &Policy, cases: &[Case]) -> Vec<Reply> {
    let answered = drafted(engine, policy, cases, &[]);
    answered.into_iter().map(|(reply, _)| reply).collect()
}

/// As `replies`, each with the reply of the same place as its draft, if there is one; also the
/// margin of the preview that came before the reply.
pub fn drafted(
    engine: &Engine,
    policy: &Policy,
    cases: &[Case],
    earlier: &[Reply],
) -> Vec<(Reply, Option<f64>)> {
    let sides = prompt::alternatives(&policy.output);
    let request = |(i, case): (usize, &Case)| Request {
        user: prompt::user(case),
        sampling: Sampling::Greedy,
        tokens_max: TOKENS_MAX,
        alternatives: Alternatives {
            over: sides.violating.clone(),
            under: sides.safe.clone(),
        },
        draft: earlier.get(i).map(|reply| Draft {
            analysis: reply.analysis.clone(),
            answer: reply.answer.clone().unwrap_or_default(),
        }),
    };
    let requests: Vec<Request> = cases.iter().enumerate().map(request).collect();
    let mut found = vec![None; cases.len()];
    let mut previews = vec![None; cases.len()];
    let mut on_event = |event| match event {
        Event::Preview { index, margin } => previews[index] = Some(margin),
        Event::Finished { index, reply } => found[index] = Some((reply, previews[index])),
        _ => {}
    };
    engine
        .generate(
            &prefix(policy),
            &requests,
            &Cancel::default(),
            &mut on_event,
        )
        .expect("the prefix fits Pebble's context");
    let whole: Option<Vec<_>> = found.into_iter().collect();
    whole.expect("every request is answered")
}
