//! A policy pack as ROOST's model community keeps them: `example_policies/NAME/policy.md`
//! and `datasets/NAME.csv` with the columns `example, classification, Responses, Response
//! Label`; our own columns follow those.

use super::{Source, answers};
use domain::case::{Case, CaseKind, Content, Role};
use domain::prompt;
use domain::verdict::Expected;
use std::collections::BTreeMap;

const COLUMNS: [&str; 10] = [
    "example",
    "classification",
    "Responses",
    "Response Label",
    "id",
    "expected",
    "rules",
    "tags",
    "language",
    "note",
];

pub(super) fn files(source: &Source<'_>) -> BTreeMap<String, Vec<u8>> {
    let name = &source.contents.policy_name;
    let mut csv = csv::Writer::from_writer(Vec::new());
    let write = |csv: &mut csv::Writer<Vec<u8>>, row: &[String]| {
        csv.write_record(row)
            .expect("rows of one length are written to memory");
    };
    write(&mut csv, &COLUMNS.map(str::to_owned));
    for case in source.cases {
        write(&mut csv, &row(source, case));
    }
    let csv = csv.into_inner().expect("memory is always flushed");
    let readme = format!(
        "# {}\n\nA policy for gpt-oss-safeguard with its labelled cases, exported by Touchstone.\n\n\
         | | |\n| --- | --- |\n| revision | `{}` |\n| cases | {} |\n| judged by | {} (`{}`) |\n\n\
         - `example_policies/{name}/policy.md`: the policy, as the model reads it.\n\
         - `datasets/{name}.csv`: the cases. Prompts are labelled in `classification`, model \
         outputs in `Response Label`.\n",
        source.policy.title,
        source.revision(),
        source.cases.len(),
        source.contents.run.model_name,
        source.contents.run.model_digest,
    );
    BTreeMap::from([
        ("README.md".to_owned(), readme.into_bytes()),
        (
            format!("example_policies/{name}/policy.md"),
            format!("{}\n", source.policy.body).into_bytes(),
        ),
        (format!("datasets/{name}.csv"), csv),
    ])
}

/// A model's output is labelled as a response, anything else as a prompt.
fn row(source: &Source<'_>, case: &Case) -> Vec<String> {
    let label = match answers(&source.policy.output, case) {
        // Several labels on one side: which one, nobody has said.
        Some(labels) if labels.len() == 1 => labels.into_iter().next().unwrap_or_default(),
        _ => String::new(),
    };
    let (prompt, response) = sides(case);
    let is_response = case.kind == CaseKind::ModelOutput || !response.is_empty();
    let (prompt_label, response_label) = if is_response {
        (String::new(), label)
    } else {
        (label, String::new())
    };
    vec![
        prompt,
        prompt_label,
        response,
        response_label,
        case.id.clone(),
        match case.expected {
            Some(Expected::Violates) => "violates".to_owned(),
            Some(Expected::Safe) => "safe".to_owned(),
            None => String::new(),
        },
        case.rules.join(" "),
        case.tags.join(" "),
        case.language.clone().unwrap_or_default(),
        case.note.clone().unwrap_or_default(),
    ]
}

/// What was asked and what was answered.
fn sides(case: &Case) -> (String, String) {
    match (&case.content, case.kind) {
        (Content::Text(text), CaseKind::ModelOutput) => (String::new(), text.clone()),
        (Content::Text(text), CaseKind::UserInput | CaseKind::Conversation) => {
            (text.clone(), String::new())
        }
        (Content::Turns(turns), _) => match &turns[..] {
            [ask, answer] if ask.role == Role::User && answer.role == Role::Assistant => {
                (ask.text.clone(), answer.text.clone())
            }
            _ => (prompt::user(case), String::new()),
        },
    }
}
