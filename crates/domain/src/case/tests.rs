//! Suites as people and other tools leave them.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use proptest::prelude::*;

fn text_case(id: &str, content: &str) -> Case {
    Case::new(
        id.to_owned(),
        Content::Text(content.to_owned()),
        CaseKind::UserInput,
    )
}

fn show(suite: &[u8]) -> String {
    let (cases, problems) = parse_suite(suite);
    let mut out: Vec<String> = cases
        .iter()
        .map(|case| format!("{}: {}", case.id, excerpt(&case.content, 40)))
        .collect();
    out.extend(problems.iter().map(|problem| {
        let what = if problem.skipped {
            "skipped"
        } else {
            "warning"
        };
        format!("line {}, {what}: {}", problem.line, problem.message)
    }));
    out.join("\n")
}

#[test]
fn every_field_is_read() {
    let line = r#"{"id":"c1","content":[{"role":"user","text":"hi"},{"role":"assistant","text":"yo"}],"kind":"conversation","expected":"violates","label":"INVALID","rules":["SP2.a"],"tags":["hard"],"language":"en","note":"n","owner":"o","annotations":{"anna":"safe"}}"#;
    let (cases, problems) = parse_suite(line.as_bytes());
    assert_eq!(problems, []);
    let case = &cases[0];
    assert_eq!(case.kind, CaseKind::Conversation);
    assert_eq!(case.expected, Some(Expected::Violates));
    assert_eq!(case.rules, ["SP2.a"]);
    assert_eq!(case.annotations["anna"], "safe");
    assert_eq!(serde_json::from_str::<Case>(&to_line(case)).unwrap(), *case);
}

#[test]
fn broken_lines_are_named_and_the_others_stay() {
    let mut suite = Vec::new();
    for line in [
        r#"{"id":"ok-1","content":"first"}"#,
        r#"{"id":"cut","content":"#,
        r#"["not","an","object"]"#,
        r#"{"content":"no id"}"#,
        r#"{"id":"no-content"}"#,
        r#"{"id":"blank","content":"  "}"#,
        r#"{"id":"role","content":[{"role":"system","text":"x"}]}"#,
        r#"{"id":"text","content":[{"role":"user"}]}"#,
        r#"{"id":"no-turns","content":[]}"#,
        r#"{"id":"exp","content":"x","expected":"maybe"}"#,
        r#"{"id":"kind","content":"x","kind":"tweet"}"#,
        r#"{"id":"tags","content":"x","tags":"one"}"#,
        r#"{"id":"ok-1","content":"again"}"#,
        r#"{"id":"extra","content":"x","severity":3,"source":"queue"}"#,
        r#"{"id":7,"content":"a number for an id"}"#,
        "",
        "   ",
    ] {
        suite.extend_from_slice(line.as_bytes());
        suite.push(b'\n');
    }
    suite.extend_from_slice(b"{\"id\":\"latin\",\"content\":\"caf\xe9\"}\n");
    suite.extend_from_slice(br#"{"id":"last","content":"no line break at the end"}"#);
    insta::assert_snapshot!(show(&suite));
}

#[test]
fn byte_order_mark_and_crlf_are_read_through() {
    let suite =
        b"\xef\xbb\xbf{\"id\":\"a\",\"content\":\"x\"}\r\n\r\n{\"id\":\"b\",\"content\":\"y\"}\r\n";
    assert_eq!(show(suite), "a: x\nb: y");
}

#[test]
fn an_empty_suite_is_no_problem() {
    assert_eq!(parse_suite(b""), (vec![], vec![]));
}

const SUITE: &str = "\u{feff}{\"content\":\"one\",   \"id\":\"a\", \"severity\": 3}\r\nbroken {\r\n{\"id\":\"b\",\"content\":\"two\",\"expected\":\"safe\",\"note\":\"old\"}\r\n{\"id\": \"c\", \"content\": \"three\"}";

#[test]
fn replacing_leaves_every_other_byte_and_unknown_fields() {
    let mut case = text_case("a", "uno");
    case.expected = Some(Expected::Violates);
    let edited = edit_suite(SUITE, Some("a"), Some(&case)).unwrap();
    assert_eq!(
        edited,
        SUITE.replace(
            "{\"content\":\"one\",   \"id\":\"a\", \"severity\": 3}",
            "{\"id\": \"a\", \"content\": \"uno\", \"kind\": \"user_input\", \"expected\": \"violates\", \"severity\": 3}"
        )
    );
}

#[test]
fn replacing_drops_known_fields_that_are_no_longer_set() {
    let edited = edit_suite(SUITE, Some("b"), Some(&text_case("b2", "two"))).unwrap();
    assert!(
        edited.contains("\r\n{\"id\": \"b2\", \"content\": \"two\", \"kind\": \"user_input\"}\r\n")
    );
}

#[test]
fn removing_takes_the_line_and_its_break() {
    assert_eq!(
        edit_suite(
            "{\"id\":\"a\",\"content\":\"x\"}\n{\"id\":\"b\",\"content\":\"y\"}\n",
            Some("a"),
            None
        )
        .unwrap(),
        "{\"id\":\"b\",\"content\":\"y\"}\n"
    );
    let without_c = edit_suite(SUITE, Some("c"), None).unwrap();
    assert_eq!(without_c, SUITE[..SUITE.rfind("{\"id\": \"c\"").unwrap()]);
}

#[test]
fn appending_follows_the_files_line_breaks() {
    let case = text_case("z", "new");
    let line = r#"{"id": "z", "content": "new", "kind": "user_input"}"#;
    assert_eq!(
        edit_suite("", None, Some(&case)).unwrap(),
        format!("{line}\n")
    );
    assert_eq!(
        edit_suite(SUITE, None, Some(&case)).unwrap(),
        format!("{SUITE}\r\n{line}\r\n")
    );
}

#[test]
fn adding_before_a_case_undoes_its_neighbours_removal() {
    let mut b = text_case("b", "two");
    b.expected = Some(Expected::Safe);
    b.note = Some("old".to_owned());
    let without = edit_suite(SUITE, Some("b"), None).unwrap();
    let back = add_to_suite(&without, &b, Some("c")).unwrap();
    assert_eq!(
        back.find("\"id\": \"b\"").map(|_| back.lines().count()),
        Some(4)
    );
    assert!(back.ends_with("\r\n{\"id\": \"c\", \"content\": \"three\"}"));
    let order: Vec<usize> = ["a", "b", "c"]
        .map(|id| find_line(&back, id).unwrap().start)
        .into();
    assert!(order.is_sorted());
    // Where its neighbour has gone too, the line goes to the end.
    let end = add_to_suite(&without, &b, Some("gone")).unwrap();
    assert_eq!(end, edit_suite(&without, None, Some(&b)).unwrap());
    assert!(add_to_suite(SUITE, &b, Some("c")).is_err());
}

#[test]
fn edits_that_cannot_be_done_say_why() {
    let check =
        |id: Option<&str>, case: Option<Case>| edit_suite(SUITE, id, case.as_ref()).unwrap_err();
    insta::assert_snapshot!([
        check(Some("nobody"), None),
        check(None, Some(text_case("b", "again"))),
        check(Some("a"), Some(text_case("b", "renamed onto another"))),
        check(None, None),
    ].join("\n"), @r#"
    The suite has no case "nobody". It may have been removed in the file.
    The id "b" is already used in this suite. Choose another.
    The id "b" is already used in this suite. Choose another.
    Nothing to do: neither an id nor a case was given.
    "#);
}

#[test]
fn the_fingerprint_names_what_the_model_reads() {
    let case = text_case("a", "x");
    let relabelled = Case {
        id: "b".to_owned(),
        expected: Some(Expected::Safe),
        note: Some("n".to_owned()),
        ..case.clone()
    };
    assert_eq!(fingerprint(&case), fingerprint(&relabelled));
    assert_eq!(fingerprint(&case).len(), 64);
    assert_ne!(fingerprint(&case), fingerprint(&text_case("a", "y")));
    let output = Case {
        kind: CaseKind::ModelOutput,
        ..case.clone()
    };
    assert_ne!(fingerprint(&case), fingerprint(&output));
}

#[test]
fn excerpts_are_one_line_and_short() {
    let text = |t: &str| Content::Text(t.to_owned());
    assert_eq!(excerpt(&text("a\n b\t c"), 10), "a b c");
    assert_eq!(excerpt(&text("一二三四五六"), 4), "一二三…");
    assert_eq!(excerpt(&text("ab cdef"), 4), "ab…");
    assert_eq!(excerpt(&text("abc"), 0), "");
    let turns = Content::Turns(vec![
        Turn {
            role: Role::User,
            text: "hi\nthere".to_owned(),
        },
        Turn {
            role: Role::Assistant,
            text: "yes".to_owned(),
        },
    ]);
    assert_eq!(excerpt(&turns, 50), "User: hi there Assistant: yes");
}

fn any_case() -> impl Strategy<Value = Case> {
    (
        "[a-z0-9-]{1,6}",
        prop_oneof![
            "[ -~\n一🙂\u{2028}]{0,20}x".prop_map(Content::Text),
            prop::collection::vec(
                (any::<bool>(), ".{0,12}").prop_map(|(user, text)| Turn {
                    role: if user { Role::User } else { Role::Assistant },
                    text,
                }),
                1..4
            )
            .prop_map(Content::Turns),
        ],
        prop::option::of(prop_oneof![Just(Expected::Violates), Just(Expected::Safe)]),
        prop::collection::vec(".{0,5}", 0..3),
    )
        .prop_map(|(id, content, expected, tags)| Case {
            expected,
            tags,
            content,
            ..text_case(&id, "")
        })
}

proptest! {
    #[test]
    fn a_written_case_is_one_line_and_reads_back(case in any_case()) {
        let line = to_line(&case);
        prop_assert!(!line.contains('\n'));
        let (cases, problems) = parse_suite(line.as_bytes());
        prop_assert_eq!(cases, vec![case]);
        prop_assert_eq!(problems, vec![]);
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let (_, problems) = parse_suite(&bytes);
        prop_assert!(problems.iter().all(|problem| problem.line >= 1));
    }

    #[test]
    fn an_edit_changes_its_own_case_only(all in prop::collection::vec(any_case(), 1..6), new in any_case(), pick in any::<prop::sample::Index>()) {
        let text: String = all.iter().map(|case| to_line(case) + "\n").collect();
        let (cases, _) = parse_suite(text.as_bytes());
        let old = &cases[pick.index(cases.len())];
        let Ok(edited) = edit_suite(&text, Some(&old.id), Some(&new)) else {
            prop_assert!(new.id != old.id && cases.iter().any(|case| case.id == new.id));
            return Ok(());
        };
        let wanted: Vec<Case> = cases.iter().map(|case| if case == old { new.clone() } else { case.clone() }).collect();
        let (found, _) = parse_suite(edited.as_bytes());
        // A later duplicate of the replaced id may come to light when that id changes.
        prop_assert!(wanted.iter().all(|case| found.contains(case)));
    }
}
