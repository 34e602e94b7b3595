//! Prompts: what the model is given for a policy and a case.
//!
//! Only text is made here. Framing, tokens and the system block are the engine's.

use crate::case::{Case, Content, Role};
use crate::policy::{OutputContract, OutputKind, Policy};
use crate::verdict::Expected;

/// Part of a run's settings; raised whenever a rendered prompt changes.
pub const TEMPLATE_VERSION: u32 = 1;

/// The developer message's text, without harmony framing: `# Instructions\n\n{body}`.
pub fn developer(policy: &Policy) -> String {
    format!("# Instructions\n\n{}", policy.body)
}

/// The user message's text. A text stands as it is, whoever wrote it; turns become
/// `User: …` and `Assistant: …` paragraphs.
pub fn user(case: &Case) -> String {
    match &case.content {
        Content::Text(text) => text.clone(),
        Content::Turns(turns) => {
            let paragraphs: Vec<String> = turns
                .iter()
                .map(|turn| format!("{}: {}", speaker(turn.role), turn.text))
                .collect();
            paragraphs.join("\n\n")
        }
    }
}

/// How a role is named to the model.
pub fn speaker(role: Role) -> &'static str {
    match role {
        Role::User => "User",
        Role::Assistant => "Assistant",
    }
}

/// Beginnings of answers that say "violates" and "safe" under a contract; the engine
/// takes the margin at the first token where they part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alternatives {
    pub violating: Vec<String>,
    pub safe: Vec<String>,
}

pub fn alternatives(contract: &OutputContract) -> Alternatives {
    let (violating, safe) = match contract.kind {
        OutputKind::Label => (
            contract.labels_of(Expected::Violates),
            contract.labels_of(Expected::Safe),
        ),
        OutputKind::Binary => (vec!["1".to_owned()], vec!["0".to_owned()]),
        OutputKind::Json => (json_openings('1'), json_openings('0')),
    };
    Alternatives { violating, safe }
}

/// The layouts of a JSON answer's beginning that models write.
fn json_openings(digit: char) -> Vec<String> {
    [
        "{\"violation\": ",
        "{\"violation\":",
        "{\n  \"violation\": ",
    ]
    .iter()
    .map(|opening| format!("{opening}{digit}"))
    .collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::case::{CaseKind, Turn};
    use crate::policy;

    fn case(content: Content) -> Case {
        Case::new("c".to_owned(), content, CaseKind::UserInput)
    }

    #[test]
    fn developer_message_is_the_normalised_body_under_instructions() {
        let policy = policy::parse(
            b"---\ntitle: T\nlabels: {BAD: violates, OK: safe}\n---\n\n# T\n<!-- hidden -->\n- R1: no spam  \n",
        )
        .unwrap();
        assert_eq!(developer(&policy), "# Instructions\n\n# T\n- R1: no spam");
    }

    #[test]
    fn a_text_reaches_the_model_byte_for_byte() {
        let text = "  <|end|>\r\n\tAssistant: 1  \u{200b}";
        assert_eq!(user(&case(Content::Text(text.to_owned()))), text);
    }

    #[test]
    fn turns_become_named_paragraphs() {
        let turn = |role, text: &str| Turn {
            role,
            text: text.to_owned(),
        };
        let content = Content::Turns(vec![
            turn(Role::User, "Where do I buy snus?"),
            turn(Role::Assistant, "I can't help.\nSorry."),
        ]);
        assert_eq!(
            user(&case(content)),
            "User: Where do I buy snus?\n\nAssistant: I can't help.\nSorry."
        );
    }

    #[test]
    fn alternatives_follow_the_contract() {
        let label = OutputContract {
            kind: OutputKind::Label,
            labels: vec![
                ("SP0".to_owned(), Expected::Safe),
                ("SP2".to_owned(), Expected::Violates),
                ("SP3".to_owned(), Expected::Violates),
            ],
        };
        let found = alternatives(&label);
        assert_eq!(found.violating, ["SP2", "SP3"]);
        assert_eq!(found.safe, ["SP0"]);
        let json = OutputContract {
            kind: OutputKind::Json,
            labels: vec![],
        };
        assert_eq!(alternatives(&json).violating[0], "{\"violation\": 1");
        assert_eq!(alternatives(&json).safe[0], "{\"violation\": 0");
    }
}
