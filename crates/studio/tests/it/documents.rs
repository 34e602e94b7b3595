//! Saving without overwriting anyone, editing suites, creating policies.

use crate::support::{POLICY, SUITE, with_exception, workspace};
use domain::case::{Case, CaseKind, Content};
use studio::view::{Code, SaveResult, SuiteEdit};

fn add(case: Case) -> SuiteEdit {
    SuiteEdit::Add { case, before: None }
}

fn case(id: &str) -> Case {
    Case::new(
        id.to_owned(),
        Content::Text("sells tea".to_owned()),
        CaseKind::UserInput,
    )
}

#[tokio::test]
async fn a_save_replaces_what_was_read() {
    let space = workspace().await;
    let document = space.studio.open_policy("tobacco").await.unwrap();
    assert_eq!(document.text, POLICY);
    let edited = with_exception();
    let saved = space
        .studio
        .save_policy("tobacco", &edited, &document.file_hash)
        .await
        .unwrap();
    let reopened = space.studio.open_policy("tobacco").await.unwrap();
    assert_eq!(reopened.text, edited);
    assert_eq!(
        saved,
        SaveResult::Saved {
            file_hash: reopened.file_hash.clone(),
            text: edited.clone(),
        }
    );
    // Another order of keys and white space at the ends are the same policy.
    let loose = edited
        .replace("effort: low\n", "")
        .replacen("id:", "effort: low\nid:", 1)
        + "\n\n";
    let result = space
        .studio
        .save_policy("tobacco", &loose, &reopened.file_hash)
        .await
        .unwrap();
    assert_eq!(result, saved);
    // What is no policy yet is kept as it was typed.
    let broken = "---\nid: [\n---\n\n";
    let result = space
        .studio
        .save_policy("tobacco", broken, &reopened.file_hash)
        .await
        .unwrap();
    assert!(matches!(result, SaveResult::Saved { text, .. } if text == broken));
}

#[tokio::test]
async fn a_save_over_someone_else_s_edit_is_a_conflict() {
    let space = workspace().await;
    let document = space.studio.open_policy("tobacco").await.unwrap();
    let path = space.folder.path().join("policies/tobacco.md");
    std::fs::write(&path, "edited elsewhere").unwrap();
    let result = space
        .studio
        .save_policy("tobacco", "mine", &document.file_hash)
        .await
        .unwrap();
    let SaveResult::Conflict {
        disk_text,
        disk_hash,
    } = result
    else {
        panic!("overwritten");
    };
    assert_eq!(disk_text, "edited elsewhere");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "edited elsewhere");
    let result = space
        .studio
        .save_policy("tobacco", "mine", &disk_hash)
        .await
        .unwrap();
    assert!(matches!(result, SaveResult::Saved { .. }));
}

#[tokio::test]
async fn a_deleted_file_is_a_conflict_that_can_be_resolved() {
    let space = workspace().await;
    let document = space.studio.open_policy("tobacco").await.unwrap();
    std::fs::remove_file(space.folder.path().join("policies/tobacco.md")).unwrap();
    let result = space
        .studio
        .save_policy("tobacco", "mine", &document.file_hash)
        .await
        .unwrap();
    let SaveResult::Conflict { disk_hash, .. } = result else {
        panic!("written");
    };
    assert_eq!(disk_hash, "");
    let result = space
        .studio
        .save_policy("tobacco", "mine", &disk_hash)
        .await
        .unwrap();
    assert!(matches!(result, SaveResult::Saved { .. }));
}

#[tokio::test]
async fn a_suite_edit_touches_its_own_line_only() {
    let space = workspace().await;
    let path = space.folder.path().join("fixtures/tobacco.jsonl");
    let broken = format!("{{broken\n{SUITE}");
    std::fs::write(&path, &broken).unwrap();
    let hash = space.studio.suite("tobacco").await.unwrap().file_hash;
    let edit = add(case("e"));
    let saved = space
        .studio
        .edit_suite("tobacco", &hash, edit)
        .await
        .unwrap();
    assert!(saved.saved);
    assert_eq!(saved.suite.cases.len(), 5);
    assert!(std::fs::read_to_string(&path).unwrap().starts_with(&broken));
    let remove = SuiteEdit::Remove { id: "e".to_owned() };
    let hash = saved.suite.file_hash;
    space
        .studio
        .edit_suite("tobacco", &hash, remove)
        .await
        .unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), broken);
}

#[tokio::test]
async fn a_suite_edit_of_an_older_file_writes_nothing() {
    let space = workspace().await;
    let path = space.folder.path().join("fixtures/tobacco.jsonl");
    let hash = space.studio.suite("tobacco").await.unwrap().file_hash;
    std::fs::write(&path, format!("{SUITE}\n")).unwrap();
    let edit = add(case("e"));
    let result = space
        .studio
        .edit_suite("tobacco", &hash, edit)
        .await
        .unwrap();
    assert!(!result.saved);
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        format!("{SUITE}\n")
    );
}

#[tokio::test]
async fn an_id_is_given_once() {
    let space = workspace().await;
    let hash = space.studio.suite("tobacco").await.unwrap().file_hash;
    let edit = add(case("a"));
    let failure = space
        .studio
        .edit_suite("tobacco", &hash, edit)
        .await
        .unwrap_err();
    assert_eq!(failure.code, Code::Input);
    let rename = SuiteEdit::Replace {
        id: "b".to_owned(),
        case: case("a"),
    };
    assert!(
        space
            .studio
            .edit_suite("tobacco", &hash, rename)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_new_policy_can_be_judged_once_it_has_a_case() {
    let space = workspace().await;
    let document = space
        .studio
        .create_policy("alcohol", "Alcohol: \"spirits\"")
        .await
        .unwrap();
    assert_eq!(document.analysis.title, "Alcohol: \"spirits\"");
    assert!(
        document.analysis.revision.is_some(),
        "{:?}",
        document.analysis.problems
    );
    assert_eq!(document.analysis.clauses.len(), 2);
    assert!(
        space
            .studio
            .create_policy("alcohol", "Again")
            .await
            .is_err()
    );
    let edit = add(case("a"));
    let saved = space.studio.edit_suite("alcohol", "", edit).await.unwrap();
    assert!(saved.saved);
    let view = space.studio.workspace().await.unwrap();
    assert_eq!(view.policies.len(), 2);
    assert_eq!(view.policies[0].cases, 1);
}

#[tokio::test]
async fn names_do_not_lead_out_of_the_workspace() {
    let space = workspace().await;
    for name in ["../tobacco", "a/b", "", ".hidden", "a\0b", "c:\\x"] {
        let failure = space.studio.open_policy(name).await.unwrap_err();
        assert_eq!(failure.code, Code::Input, "{name:?}");
        assert!(space.studio.save_policy(name, "x", "").await.is_err());
        assert!(space.studio.create_policy(name, "x").await.is_err());
    }
}
