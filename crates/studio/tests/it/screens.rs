//! What the screens Compare, Coverage and History are told, with planted answers.

use crate::support::{POLICY, line, reads, with, with_exception, workspace};
use domain::coverage::Standing;
use domain::flip::FlipKind;
use domain::run::RunId;
use domain::verdict::Verdict;
use std::path::Path;
use studio::replay::Replay;
use studio::view::{Confusion, CsvTable, SearchResult};

#[tokio::test]
async fn two_runs_stand_side_by_side_with_the_hunk_that_the_flip_names() {
    let space = workspace().await;
    space.finished(POLICY).await;
    space.finished(&with_exception()).await;
    let view = space.studio.compare_view(RunId(1), RunId(2)).await.unwrap();
    assert_eq!((view.a.run, view.b.run), (RunId(1), RunId(2)));
    let rows: Vec<_> = view.rows.iter().map(|row| row.case.as_str()).collect();
    assert_eq!(rows, ["b"]);
    assert_eq!(view.rows[0].flip, Some(FlipKind::Fixed));
    let found = &view.comparison;
    // a violates and is caught; b and d are safe and were taken for violations; c is safe.
    let counts = |violates, safe| Confusion { violates, safe };
    assert_eq!(found.confusion_a, counts([1, 0, 0], [2, 1, 0]));
    assert_eq!(found.confusion_b, counts([1, 0, 0], [1, 2, 0]));
    assert_eq!(found.overlap.both, 4);
    assert_eq!(found.estimates_a.len(), found.estimates_b.len());
    assert_eq!(found.hunks.len(), 1);
    assert_eq!(found.hunks[0].clauses, ["S2"]);
    assert_eq!(found.hunks[0].flips, ["b"]);
    let same = space.studio.compare_view(RunId(2), RunId(2)).await.unwrap();
    assert!(same.rows.is_empty() && same.comparison.hunks.is_empty());
}

#[tokio::test]
async fn cases_that_only_one_run_has_or_that_were_edited_are_told_apart() {
    let space = workspace().await;
    space.finished(POLICY).await;
    let suite = space.folder.path().join("fixtures/tobacco.jsonl");
    let text = std::fs::read_to_string(&suite).unwrap();
    let (_, rest) = text.split_once('\n').unwrap();
    let edited = rest.replace("nice weather", "nicer weather")
        + "{\"id\":\"e\",\"content\":\"new\",\"expected\":\"safe\"}\n";
    std::fs::write(&suite, edited).unwrap();
    space.finished(POLICY).await;
    let view = space.studio.compare_view(RunId(1), RunId(2)).await.unwrap();
    let overlap = view.comparison.overlap;
    assert_eq!((overlap.both, overlap.edited), (2, 1));
    assert_eq!((overlap.only_a, overlap.only_b), (1, 1));
}

#[tokio::test]
async fn coverage_names_cells_by_position() {
    let space = workspace().await;
    space.finished(&with_exception()).await;
    let view = space.studio.coverage_view(RunId(1)).await.unwrap();
    let cases: Vec<_> = view.cases.iter().map(|case| case.case.as_str()).collect();
    assert_eq!(cases, ["a", "b", "c", "d"]);
    let cells: Vec<_> = view
        .cells
        .iter()
        .map(|cell| {
            let clause = view.clauses[cell.clause as usize].clause.as_str();
            (cases[cell.case as usize], clause, cell.answered)
        })
        .collect();
    let wanted = [
        ("a", "T1", true),
        ("b", "S2", true),
        ("c", "S1", true),
        ("d", "T1", true),
    ];
    assert_eq!(cells, wanted);
    let near: Vec<_> = view.cells.iter().map(|cell| cell.near_miss).collect();
    assert_eq!(near, [false, true, false, false]);
    let t1 = view.clauses.iter().find(|one| one.clause == "T1").unwrap();
    assert_eq!(t1.standing, Standing::OneSided);
}

#[tokio::test]
async fn the_gutter_is_told_how_far_clauses_are_reached() {
    let space = workspace().await;
    let view = space.finished(&with_exception()).await;
    let of = |id: &str| {
        let mut figures = view.figures.clauses.iter();
        let found = figures.find(|figures| figures.clause == id).unwrap();
        (found.standing, found.near_misses)
    };
    assert_eq!(of("T1"), (Standing::OneSided, 0));
    assert_eq!(of("S2"), (Standing::OneSided, 1));
}

fn cases(result: &SearchResult) -> Vec<&str> {
    result.hits.iter().map(|hit| hit.case.as_str()).collect()
}

#[tokio::test]
async fn traces_are_found_by_what_they_say_in_any_script() {
    let space = with(Replay::new(|prefix, request| {
        match request.user.contains("snuff") {
            true => line(
                "该内容宣传赌博网站。 100% T1, \"so to say\".",
                "VIOLATES T1",
                3.0,
            ),
            false => reads(prefix, request),
        }
    }))
    .await;
    space.finished(POLICY).await;
    space.finished(&with_exception()).await;
    let search = async |query: &str| space.studio.search(query, None).await.unwrap();
    // Each text once for each time it was said, newest first, in the newest run that has it.
    let museum = search("MUSEUM piece").await;
    assert_eq!(cases(&museum), ["b"]);
    assert_eq!(museum.hits[0].run, RunId(2));
    assert_eq!(museum.hits[0].verdict, Verdict::Safe);
    let marked: Vec<_> = museum.hits[0]
        .passage
        .iter()
        .filter(|part| part.hit)
        .collect();
    assert_eq!(marked[0].text, "museum");
    // Two characters are no trigram; Chinese asks with two.
    assert_eq!(cases(&search("赌博").await), ["d", "d"]);
    assert_eq!(cases(&search("赌博网站 t1").await), ["d", "d"]);
    // Part of a word, and what FTS5 or LIKE would take for operators.
    assert_eq!(cases(&search("useum").await), ["b"]);
    assert_eq!(cases(&search("100% \"so to\"").await), ["d", "d"]);
    assert!(search("\"piece museum\"").await.hits.is_empty());
    assert!(search("museum OR weather").await.hits.is_empty());
    // The answer counts as well.
    assert!(!search("VIOLATES").await.hits.is_empty());
    let other = space.studio.search("museum", Some("spam")).await.unwrap();
    assert!(other.hits.is_empty());
    let own = space
        .studio
        .search("museum", Some("tobacco"))
        .await
        .unwrap();
    assert_eq!(cases(&own), ["b"]);
    let failure = space.studio.search(" \" ", None).await.unwrap_err();
    assert!(failure.message.contains("phrase in quotes"), "{failure}");
}

#[tokio::test]
async fn tables_and_pictures_leave_as_files_of_their_kind() {
    let space = workspace().await;
    space.finished(POLICY).await;
    space.finished(&with_exception()).await;
    let (a, b) = (RunId(1), RunId(2));
    let flips = space.studio.csv(&CsvTable::Flips { a, b }).await.unwrap();
    assert_eq!(
        flips,
        "case,from,to,kind,certainty\nb,violates,safe,fixed,undecided\n"
    );
    let policy = "tobacco".to_owned();
    let runs = space.studio.csv(&CsvTable::Runs { policy }).await.unwrap();
    let lines: Vec<_> = runs.lines().collect();
    assert!(lines[0].starts_with("run,started_at,state,revision,model,effort,cases"));
    assert!(lines[1].starts_with("1,2") && lines[2].starts_with("2,2"));
    assert!(lines[2].contains(",finished,") && lines[2].contains("0.750000"));

    let of = CsvTable::Coverage { run: a };
    let written = space.studio.export_csv(&of, Path::new("cells")).await;
    let written = written.unwrap();
    assert!(written.ends_with("cells.csv") && written.is_absolute());
    let text = std::fs::read_to_string(&written).unwrap();
    assert!(text.contains("T1,a,violates,1,0,0\n"), "{text}");
    let policy_file = Path::new("policies/tobacco.md");
    let failure = space.studio.export_csv(&of, policy_file).await.unwrap_err();
    assert!(failure.message.contains(".csv"), "{failure}");
    let failure = space.studio.export_svg("<svg/>", policy_file).unwrap_err();
    assert!(failure.message.contains(".svg"), "{failure}");
    assert!(
        space
            .studio
            .export_svg("<html>", Path::new("x.svg"))
            .is_err()
    );
    let picture = space
        .studio
        .export_svg("<svg/>", Path::new("x.svg"))
        .unwrap();
    assert_eq!(std::fs::read_to_string(picture).unwrap(), "<svg/>");
}
