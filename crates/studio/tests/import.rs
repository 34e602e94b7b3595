//! Files as people have them: every format, and what goes wrong in each.
#![expect(clippy::unwrap_used, reason = "tests")]

use domain::case::{Case, CaseKind, Content, parse_suite};
use domain::verdict::Expected;
use proptest::prelude::*;
use std::io::Write;
use std::path::PathBuf;
use studio::import::{Assignment, Existing, Field, ImportReport, Plan, Reading, import, preview};
use tempfile::TempDir;

fn folder(name: &str, bytes: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(name);
    std::fs::write(&file, bytes).unwrap();
    (folder, file)
}

/// Imports a file as it is guessed to be.
fn guessed(name: &str, bytes: &[u8]) -> (ImportReport, Vec<Case>) {
    read_as(name, bytes, &Reading::default())
}

fn read_as(name: &str, bytes: &[u8], reading: &Reading) -> (ImportReport, Vec<Case>) {
    let (folder, file) = folder(name, bytes);
    let preview = preview(folder.path(), &file, reading, None).unwrap();
    assert_eq!(preview.problem, None);
    let suite = folder.path().join("fixtures/out.jsonl");
    let root = folder.path();
    let report = import(
        root,
        &file,
        reading,
        &preview.plan,
        &suite,
        Existing::Refuse,
    )
    .unwrap();
    let (cases, problems) = parse_suite(&std::fs::read(&suite).unwrap());
    assert_eq!(problems, [], "what is imported reads back");
    assert_eq!(cases.len() as u32, report.imported);
    assert_eq!(report.rows, report.imported + report.skipped_total);
    let shown = cases.len().min(20);
    assert_eq!(
        preview.cases,
        cases[..shown],
        "the preview shows what comes"
    );
    (report, cases)
}

fn refused(name: &str, bytes: &[u8], reading: &Reading) -> String {
    let (folder, file) = folder(name, bytes);
    let failure = preview(folder.path(), &file, reading, None).unwrap_err();
    failure
        .message
        .replace(&folder.path().display().to_string(), "")
}

fn text(case: &Case) -> &str {
    match &case.content {
        Content::Text(text) => text,
        Content::Turns(_) => panic!("{} has turns", case.id),
    }
}

fn sides(report: &ImportReport) -> (u32, u32, u32) {
    (report.violates, report.safe, report.unlabelled)
}

#[test]
fn a_csv_with_crlf_quotes_and_a_byte_order_mark() {
    let bytes = "\u{feff}case_id,Text,Label Gold,functionality\r\n1,\"one, and \"\"two\"\"\r\nlines \",hateful,derog\r\n2,second ,non-hateful,slur\r\n";
    let (report, cases) = guessed("a.csv", bytes.as_bytes());
    assert_eq!(sides(&report), (1, 1, 0));
    assert_eq!((cases[0].id.as_str(), cases[1].id.as_str()), ("1", "2"));
    assert_eq!(text(&cases[0]), "one, and \"two\"\r\nlines ");
    assert_eq!(text(&cases[1]), "second ");
    assert_eq!(cases[0].tags, ["derog"]);
    assert_eq!(cases[0].label, None, "two sides need no label");
}

#[test]
fn tsv_without_header_or_quoting_keeps_its_quotes() {
    let bytes = "ham\tHe said \"no\nspam\t\"Win\" a prize now\nham\tSee you at \"5\n".as_bytes();
    let (report, cases) = guessed("Collection", bytes);
    assert_eq!(sides(&report), (1, 2, 0));
    assert_eq!(text(&cases[0]), "He said \"no");
    assert_eq!(text(&cases[1]), "\"Win\" a prize now");
    assert_eq!(cases[0].id, "Collection-1");
    let quoted = "id\ttext\n1\t\"a \"\"b\"\"\"\n2\t\"c\"\n".as_bytes();
    assert_eq!(text(&guessed("b.tsv", quoted).1[0]), "a \"b\"");
}

#[test]
fn a_headerless_file_may_have_coarse_and_fine_labels() {
    let bytes = "first tweet of some length\tOTHER\tOTHER\nsecond tweet as long|LBR|and more\tOFFENSE\tINSULT\nthird tweet, longer than labels\tOFFENSE\tABUSE\n";
    let (report, cases) = guessed("g.txt", bytes.as_bytes());
    assert_eq!(sides(&report), (2, 1, 0));
    assert_eq!(cases[1].label.as_deref(), Some("INSULT"));
    let (folder, file) = folder("g.txt", bytes.as_bytes());
    let mut plan = preview(folder.path(), &file, &Reading::default(), None)
        .unwrap()
        .plan;
    plan.line_break = Some("|LBR|".to_owned());
    let preview = preview(folder.path(), &file, &Reading::default(), Some(plan)).unwrap();
    assert_eq!(text(&preview.cases[1]), "second tweet as long\nand more");
}

#[test]
fn a_spreadsheet_with_its_labels_in_section_rows() {
    let bytes = ",,,model classification ,\r\nSP0,,,,\r\n1,hello there my friend,,SP0,\r\n2,good bye my friend,,SP2,\r\n'SP3 ,,,,\r\n1,buy gold now and here,,SP3,\r\n2,no answer came for it,,,\r\n,,,,\r\n,,,Accuracy,0.9".replace("'SP3", "SP3");
    let (report, cases) = guessed("golden.csv", bytes.as_bytes());
    assert_eq!(sides(&report), (2, 2, 0));
    let labels: Vec<_> = cases
        .iter()
        .map(|case| case.label.as_deref().unwrap())
        .collect();
    assert_eq!(labels, ["SP0", "SP0", "SP3", "SP3"]);
    assert_eq!(cases[1].annotations["model classification"], "SP2");
    assert_eq!(cases[3].annotations.len(), 0);
    assert_eq!(report.skipped.len(), 1);
    assert_eq!(report.skipped[0].line, 9);
    assert!(report.skipped[0].reason.contains("Accuracy"), "{report:?}");
}

#[test]
fn a_notice_above_the_header_is_not_the_header() {
    let bytes = "These are synthetic prompts for a demonstration.,  ,  ,  \nexample,classification,Responses,Response Label\nWhy is it so,ARS0,\"Because\n\nit is\",ARS0\nHow do I get it,ARS2,You do not,ARS0\n";
    let (report, cases) = guessed("n.csv", bytes.as_bytes());
    assert_eq!(sides(&report), (1, 1, 0));
    assert_eq!(cases[1].label.as_deref(), Some("ARS2"));
    assert_eq!(text(&cases[1]), "How do I get it");
}

#[test]
fn a_prompt_and_its_answer_are_a_conversation_and_annotators_are_kept() {
    let bytes = "id,prompt,completion,annotation_1,annotation_2,final_label\nv1,How do I kill a process?,Use kill and its id.,1_full,2_refusal,1_full\n";
    let (report, cases) = guessed("x.csv", bytes.as_bytes());
    assert_eq!(cases[0].kind, CaseKind::Conversation);
    assert_eq!(cases[0].annotations["annotation_2"], "2_refusal");
    assert_eq!(sides(&report), (0, 0, 1));
    assert!(
        report.warnings[0].contains("1_full (1)"),
        "{:?}",
        report.warnings
    );
    let listed = "id,text,label_gold,label_annotated\n1,first text,hateful,\"['hateful', 'non-hateful']\"\n2,second text,non-hateful,\"['hateful']\"\n";
    let (_, cases) = guessed("m.csv", listed.as_bytes());
    assert_eq!(cases[0].annotations["label_annotated 1"], "violates");
    assert_eq!(cases[0].annotations["label_annotated 2"], "safe");
}

#[test]
fn categories_of_0_and_1_make_the_verdict_and_a_missing_one_is_unknown() {
    let lines = [
        r#"{"prompt": "first \ud83d\ude00", "S": 0, "H": 1, "V": 1}"#,
        r#"{"prompt": "second", "S": 0, "H": 0, "V": 0}"#,
        r#"{"prompt": "third", "S": 0, "V": 0}"#,
        r#"{"prompt": "fourth", "V": 1}"#,
    ];
    let (report, cases) = guessed("o.jsonl", lines.join("\n").as_bytes());
    assert_eq!(sides(&report), (2, 1, 1));
    assert_eq!(text(&cases[0]), "first 😀");
    assert_eq!(cases[0].tags, ["H", "V"]);
    assert_eq!(cases[0].label, None);
    assert_eq!(cases[3].label.as_deref(), Some("V"));
    assert_eq!(cases[2].expected, None);
}

#[test]
fn json_lists_nested_objects_and_chat_messages() {
    let bytes = br#"[{"id": "1", "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "hi"}, {"role": "assistant", "content": "yo"}], "meta": {"language": "en_US"}, "verdict": "unsafe"},
      {"id": "1", "messages": [{"role": "tool", "content": "x"}], "meta": {"language": null}, "verdict": "safe"}, 5]"#;
    let (folder, file) = folder("c.json", bytes);
    let mut found = preview(folder.path(), &file, &Reading::default(), None).unwrap();
    let names: Vec<&str> = found
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .collect();
    assert_eq!(names, ["id", "messages", "meta.language", "verdict"]);
    found.plan.mapping.push(Assignment {
        field: Field::Language,
        column: "meta.language".to_owned(),
    });
    let found = preview(folder.path(), &file, &Reading::default(), Some(found.plan)).unwrap();
    assert_eq!(found.cases.len(), 1);
    assert_eq!(found.cases[0].language.as_deref(), Some("en-US"));
    assert_eq!(found.cases[0].expected, Some(Expected::Violates));
    let reasons: Vec<&str> = found
        .skipped
        .iter()
        .map(|row| row.reason.as_str())
        .collect();
    assert!(reasons[0].contains("role tool"), "{reasons:?}");
    assert!(reasons[1].contains("not an object"), "{reasons:?}");
    let wrapped = br#"{"version": 1, "data": [{"text": "wrapped in an object"}]}"#;
    assert_eq!(guessed("w.json", wrapped).0.imported, 1);
}

#[test]
fn our_own_suites_come_back_as_they_are() {
    let line = r#"{"id": "c1", "content": [{"role": "user", "text": "hi"}], "kind": "model_output", "expected": "violates", "rules": ["T1"], "tags": ["a", "b"], "language": "en", "note": "n", "owner": "o"}"#;
    let (_, cases) = guessed("own.jsonl", line.as_bytes());
    assert_eq!(cases, parse_suite(line.as_bytes()).0);
}

#[test]
fn gzip_is_unpacked_and_damage_is_told() {
    use flate2::{Compression, write::GzEncoder};
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(b"id,text\n1,packed text\n").unwrap();
    let packed = packed.finish().unwrap();
    assert_eq!(guessed("p.csv.gz", &packed).0.imported, 1);
    let message = refused("p.csv.gz", &packed[..packed.len() - 9], &Reading::default());
    assert!(message.contains("cannot be unpacked"), "{message}");
}

#[test]
fn other_encodings_are_refused_until_they_are_named() {
    let latin = b"v1,v2\nham,Caf\xe9 at five o'clock\nspam,Win \xa3100 now or never\n";
    let message = refused("l.csv", latin, &Reading::default());
    assert!(message.contains("is not UTF-8"), "{message}");
    assert!(message.contains("windows-1252"), "{message}");
    let named = |encoding: &str| Reading {
        encoding: Some(encoding.to_owned()),
        ..Reading::default()
    };
    let (report, cases) = read_as("l.csv", latin, &named("windows-1252"));
    assert_eq!(sides(&report), (1, 1, 0));
    assert_eq!(text(&cases[0]), "Café at five o'clock");
    let message = refused("l.csv", latin, &named("ebcdic"));
    assert!(
        message.contains("There is no encoding \"ebcdic\""),
        "{message}"
    );
    let utf16: Vec<u8> = "\u{feff}id,text\n1,wide text\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    assert_eq!(text(&guessed("u.csv", &utf16).1[0]), "wide text");
}

#[test]
fn what_is_no_table_is_refused_with_a_remedy() {
    let check = |bytes: &[u8], wanted: &str| {
        let message = refused("f", bytes, &Reading::default());
        assert!(message.contains(wanted), "{message}");
    };
    check(b"", "is empty");
    check(b"\xd0\xcf\x11\xe0\xa1\xb1", "Save it as .xlsx");
    check(b"PAR1abc", "Parquet");
    check(b"a\0b\0c\0", "not text");
    check(b"PK\x03\x04nonsense", "is not a workbook");
    check(b"{\"a\": 1,\n\"b\": 2}", "which of its lists");
    check(b"[{\"text\": \"a\"}, {\"text\": ", "breaks off");
}

#[test]
fn broken_rows_are_named_and_the_others_stay() {
    let bytes = "id,text,label,\n1,fine text,spam,\n2,,ham,\n3,a cell, too many,spam,,x\n4\n5,=cmd|'/c calc'!A1,ham,\n6,text that,spam,\" goes on\"\n";
    let (report, cases) = guessed("r.csv", bytes.as_bytes());
    let ids: Vec<&str> = cases.iter().map(|case| case.id.as_str()).collect();
    assert_eq!(ids, ["1", "5"]);
    assert_eq!(
        text(&cases[1]),
        "=cmd|'/c calc'!A1",
        "a formula is a text like any other"
    );
    let skipped: Vec<String> = report
        .skipped
        .iter()
        .map(|row| format!("{}: {}", row.line, row.reason))
        .collect();
    insta::assert_snapshot!(skipped.join("\n"), @r"
    3: its text is empty; there is nothing to judge
    4: it has 6 cells where the header has 4; a cell is probably not quoted
    5: its text is empty; there is nothing to judge
    7: its text goes on in column 4, which has no name: a quote is misplaced in this row
    ");
}

#[test]
fn a_quote_never_closed_does_not_swallow_the_file() {
    let mut bytes = b"id,text\n1,fine text\n2,\"open".to_vec();
    bytes.resize(bytes.len() + ROW_BYTES as usize, b'x');
    let message = refused("q.csv", &bytes, &Reading::default());
    assert!(
        message.contains(":3: the row that begins here is longer"),
        "{message}"
    );
    let huge = [
        b"id,text\n1,small text\n2,".as_slice(),
        &vec![b'y'; 2 << 20],
        b"\n",
    ]
    .concat();
    let (report, _) = guessed("h.csv", &huge);
    assert_eq!(report.imported, 1);
    assert!(report.skipped[0].reason.contains("limit is 1048576"));
}

/// More than one row may have.
const ROW_BYTES: u64 = 9 << 20;

#[test]
fn ids_used_twice_are_told_apart_and_texts_used_twice_are_counted() {
    let bytes = "id,text\n7,same text\n7,same text\n7-2,another text\n";
    let (report, cases) = guessed("d.csv", bytes.as_bytes());
    let ids: Vec<&str> = cases.iter().map(|case| case.id.as_str()).collect();
    assert_eq!(ids, ["7", "7-2", "7-2-2"]);
    assert_eq!(report.duplicates, 1);
    assert!(
        report.warnings[0].starts_with("2 ids"),
        "{:?}",
        report.warnings
    );
}

#[test]
fn an_import_is_whole_or_nothing_and_never_over_a_suite() {
    let (folder, file) = folder("a.csv", b"id,text\n1,first text\n");
    let root = folder.path();
    let suite = root.join("fixtures/s.jsonl");
    let reading = Reading::default();
    let plan = preview(root, &file, &reading, None).unwrap().plan;
    let run = |plan: &Plan, existing| import(root, &file, &reading, plan, &suite, existing);
    let none = Plan::default();
    assert!(
        run(&none, Existing::Refuse)
            .unwrap_err()
            .message
            .contains("No column gives the text")
    );
    assert!(!suite.exists());
    run(&plan, Existing::Refuse).unwrap();
    let first = std::fs::read(&suite).unwrap();
    let failure = run(&plan, Existing::Refuse).unwrap_err();
    assert!(
        failure.message.contains("fixtures/s.jsonl exists already"),
        "{failure}"
    );
    assert_eq!(std::fs::read(&suite).unwrap(), first);
    let appended = run(&plan, Existing::Append).unwrap();
    assert_eq!((appended.imported, appended.duplicates), (1, 1));
    let both = std::fs::read(&suite).unwrap();
    assert!(both.starts_with(&first));
    assert_eq!(parse_suite(&both).0[1].id, "1-2");
    run(&plan, Existing::Replace).unwrap();
    assert_eq!(std::fs::read(&suite).unwrap(), first);
    std::fs::write(&file, "id,text\n1,\n").unwrap();
    assert!(
        run(&plan, Existing::Replace)
            .unwrap_err()
            .message
            .contains("gives no case")
    );
    assert_eq!(std::fs::read(&suite).unwrap(), first);
    assert_eq!(std::fs::read_dir(root.join("fixtures")).unwrap().count(), 1);
}

#[test]
fn a_mapping_is_remembered_for_files_of_the_same_columns() {
    let (folder, file) = folder("a.csv", b"id,body,other body\n1,first text,better text\n");
    let root = folder.path();
    let reading = Reading::default();
    let mut plan = preview(root, &file, &reading, None).unwrap().plan;
    assert!(!preview(root, &file, &reading, None).unwrap().remembered);
    let content = plan
        .mapping
        .iter_mut()
        .find(|assignment| assignment.field == Field::Content);
    content.unwrap().column = "other body".to_owned();
    plan.safe = vec!["fine".to_owned()];
    let suite = root.join("fixtures/s.jsonl");
    import(root, &file, &reading, &plan, &suite, Existing::Refuse).unwrap();
    let other = root.join("b.tsv");
    std::fs::write(&other, "id\tbody\tother body\n2\tx text\ty text\n").unwrap();
    let found = preview(root, &other, &reading, None).unwrap();
    assert!(found.remembered);
    assert_eq!(found.plan, plan);
    assert_eq!(text(&found.cases[0]), "y text");
}

#[test]
fn columns_can_be_named_by_number_and_values_by_hand() {
    let (folder, file) = folder(
        "a.csv",
        b"id,text,label\n1,first text,sp\n2,second text,hm\n",
    );
    let assignment = |field: &str, column: &str| Assignment {
        field: Field::parse(field).unwrap(),
        column: column.to_owned(),
    };
    let plan = Plan {
        mapping: vec![
            assignment("content", "#2"),
            assignment("expected", "label"),
            assignment("annotation:anna", "#3"),
        ],
        violates: vec!["SP".to_owned()],
        safe: vec!["hm".to_owned()],
        line_break: None,
    };
    let root = folder.path();
    let found = preview(root, &file, &Reading::default(), Some(plan.clone())).unwrap();
    assert_eq!(found.cases[0].expected, Some(Expected::Violates));
    assert_eq!(found.cases[1].expected, Some(Expected::Safe));
    assert_eq!(found.cases[0].annotations["anna"], "sp");
    let wrong = Plan {
        mapping: vec![assignment("content", "#9")],
        ..plan
    };
    let problem = preview(root, &file, &Reading::default(), Some(wrong))
        .unwrap()
        .problem;
    assert_eq!(
        problem.unwrap(),
        "The file has no column \"#9\". Its columns are: id, text, label."
    );
    assert_eq!(Field::parse("colour"), None);
    assert_eq!(Field::parse("annotation:"), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn any_texts_survive_a_csv(texts in prop::collection::vec("[a-z]{12}[\\PC\n\",;\t]{0,20}", 1..8)) {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(["case_id", "text"]).unwrap();
        for (index, text) in texts.iter().enumerate() {
            writer.write_record([&index.to_string(), text]).unwrap();
        }
        let (report, cases) = guessed("any.csv", &writer.into_inner().unwrap());
        prop_assert_eq!(report.skipped_total, 0);
        let found: Vec<&str> = cases.iter().map(text).collect();
        prop_assert_eq!(found, texts);
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let (folder, file) = folder("any", &bytes);
        let _ = preview(folder.path(), &file, &Reading::default(), None);
    }
}

/// Written by openpyxl; see the sheet's rows in the assertions.
#[test]
fn a_workbook_is_read_sheet_by_sheet() {
    let book = include_bytes!("../../../fixtures/import/workbook.xlsx");
    let (report, cases) = guessed("w.xlsx", book);
    assert_eq!(sides(&report), (1, 2, 0));
    let ids: Vec<&str> = cases.iter().map(|case| case.id.as_str()).collect();
    assert_eq!(ids, ["1", "2", "4.5"]);
    assert_eq!(text(&cases[0]), "Two cartons\nfor sale");
    assert_eq!(text(&cases[2]), "'=cmd");
    assert_eq!(report.skipped[0].line, 5, "the sheet's own row number");
    let other = Reading {
        sheet: Some("Other".to_owned()),
        ..Reading::default()
    };
    assert_eq!(text(&read_as("w.xlsx", book, &other).1[0]), "second sheet");
    let none = Reading {
        sheet: Some("Third".to_owned()),
        ..Reading::default()
    };
    let message = refused("w.xlsx", book, &none);
    assert!(message.contains("It has: Cases, Other"), "{message}");
}
