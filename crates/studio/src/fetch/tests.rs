//! Against a server on this machine that cuts, stalls, corrupts and refuses, and speaks as
//! the hub does: a small checkpoint of ours is what it holds.
#![expect(clippy::unwrap_used, reason = "tests")]

mod server;

use super::*;
use server::{Act, COMMIT, Server, WEIGHTS};
use tempfile::TempDir;

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

fn setting() -> (Server, TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("models/babbler");
    (Server::start(), folder, out)
}

#[test]
fn what_is_needed_comes_and_nothing_else() {
    let (server, _folder, out) = setting();
    let mut steps = Vec::new();
    let fetched = fetch(&server.request(&out), &Cancel::default(), &mut |step| {
        steps.push(step)
    });
    let fetched = fetched.unwrap();
    assert_eq!(
        names(&out),
        [
            "README.md",
            "config.json",
            "generation_config.json",
            WEIGHTS,
            "tokenizer.json",
            MANIFEST,
        ]
    );
    assert_eq!((fetched.commit.as_str(), fetched.files), (COMMIT, 5));
    assert_eq!(fetched.fetched_bytes, fetched.bytes);
    let last = steps.last().unwrap();
    assert_eq!(
        (last.done_bytes, last.total_bytes),
        (fetched.bytes, fetched.bytes)
    );
    let verified = engine::verify(&out, &Cancel::default(), &mut |_, _| ()).unwrap();
    assert_eq!((verified.faults, verified.compared), (Vec::new(), 5));
    engine::Engine::load(&out).unwrap();

    let again = server.fetch(&out).unwrap();
    assert_eq!(again.fetched_bytes, 0);
    assert_eq!(server.asked(WEIGHTS), [None]);
}

#[test]
fn a_cut_is_gone_on_with() {
    let (server, _folder, out) = setting();
    server.will(WEIGHTS, &[Act::Cut(10_000), Act::Cut(0), Act::Cut(5_000)]);
    let fetched = server.fetch(&out).unwrap();
    assert_eq!(
        server.asked(WEIGHTS),
        [None, Some(10_000), Some(10_000), Some(15_000)]
    );
    assert_eq!(fetched.fetched_bytes, fetched.bytes);
    assert_eq!(
        std::fs::read(out.join(WEIGHTS)).unwrap(),
        server.bytes(WEIGHTS)
    );
}

#[test]
fn silence_is_not_waited_for() {
    let (server, _folder, out) = setting();
    server.will(WEIGHTS, &[Act::Stall(7_000)]);
    server.fetch(&out).unwrap();
    assert_eq!(server.asked(WEIGHTS), [None, Some(7_000)]);
    assert_eq!(
        std::fs::read(out.join(WEIGHTS)).unwrap(),
        server.bytes(WEIGHTS)
    );
}

#[test]
fn damage_is_found_and_fetched_again_once() {
    let (server, _folder, out) = setting();
    server.will(WEIGHTS, &[Act::Corrupt]);
    server.will("tokenizer.json", &[Act::Corrupt]);
    server.fetch(&out).unwrap();
    assert_eq!(server.asked(WEIGHTS), [None, None]);
    assert_eq!(server.asked("tokenizer.json"), [None, None]);

    let (server, _folder, out) = setting();
    server.will(WEIGHTS, &[Act::Corrupt, Act::Corrupt]);
    let failure = server.fetch(&out).unwrap_err();
    assert!(
        failure
            .message
            .contains("model.safetensors arrives damaged"),
        "{failure}"
    );
    assert!(failure.message.contains("SHA-256"), "{failure}");
    assert!(!out.join(WEIGHTS).exists());
}

#[test]
fn a_file_damaged_on_the_disk_is_replaced() {
    let (server, _folder, out) = setting();
    server.fetch(&out).unwrap();
    let mut bytes = server.bytes(WEIGHTS);
    bytes[3_000] ^= 1;
    std::fs::write(out.join(WEIGHTS), bytes).unwrap();
    let fetched = server.fetch(&out).unwrap();
    assert_eq!(fetched.fetched_bytes, server.bytes(WEIGHTS).len() as u64);
    assert_eq!(
        std::fs::read(out.join(WEIGHTS)).unwrap(),
        server.bytes(WEIGHTS)
    );
}

#[test]
fn servers_that_know_no_ranges() {
    let (server, _folder, out) = setting();
    server.will(WEIGHTS, &[Act::Cut(9_000), Act::IgnoreRange]);
    server.fetch(&out).unwrap();
    assert_eq!(
        std::fs::read(out.join(WEIGHTS)).unwrap(),
        server.bytes(WEIGHTS)
    );

    let (server, _folder, out) = setting();
    server.will(WEIGHTS, &[Act::Cut(9_000), Act::WrongRange]);
    server.fetch(&out).unwrap();
    assert_eq!(server.asked(WEIGHTS), [None, Some(9_000), None]);
    assert_eq!(
        std::fs::read(out.join(WEIGHTS)).unwrap(),
        server.bytes(WEIGHTS)
    );
}

#[test]
fn a_cancelled_fetch_goes_on_when_asked_again() {
    let (server, _folder, out) = setting();
    server.will(WEIGHTS, &[Act::Stall(20_000)]);
    let cancel = Cancel::default();
    let stop = cancel.clone();
    let mut request = server.request(&out);
    request.patience.silence = Duration::from_secs(20);
    let watch = out.clone();
    // Cancelled from elsewhere, while nothing comes.
    let waiter = std::thread::spawn(move || {
        let grown = || {
            let entries = std::fs::read_dir(&watch).into_iter().flatten().flatten();
            let mut lengths = entries.filter_map(|entry| {
                let name = entry.file_name().to_string_lossy().into_owned();
                let part = name.starts_with(WEIGHTS) && name.ends_with(transfer::PART);
                part.then(|| entry.metadata().map_or(0, |metadata| metadata.len()))
            });
            lengths.any(|length| length == 20_000)
        };
        while !grown() {
            std::thread::yield_now();
        }
        stop.cancel();
    });
    let failure = fetch(&request, &cancel, &mut |_| ()).unwrap_err();
    waiter.join().unwrap();
    assert_eq!(failure.code, crate::view::Code::Cancelled);
    let note = std::fs::read(out.join(UNFINISHED)).unwrap();
    let note: Unfinished = serde_json::from_slice(&note).unwrap();
    assert_eq!(note.repository, "someone/babbler");
    assert!(!out.join(WEIGHTS).exists());

    let fetched = server.fetch(&out).unwrap();
    assert_eq!(server.asked(WEIGHTS), [None, Some(20_000)]);
    assert_eq!(
        fetched.fetched_bytes,
        server.bytes(WEIGHTS).len() as u64 - 20_000
    );
    assert!(!out.join(UNFINISHED).exists());
}

#[test]
fn a_server_that_stays_away_leaves_what_came() {
    let (server, _folder, out) = setting();
    server.will(
        WEIGHTS,
        &[
            Act::Cut(8_192),
            Act::Status(503),
            Act::Status(503),
            Act::Status(429),
        ],
    );
    let failure = server.fetch(&out).unwrap_err();
    for words in [
        "model.safetensors does not come",
        "503",
        "8.00 KiB of",
        "fetch again",
    ] {
        assert!(
            failure.message.contains(words),
            "no {words:?} in: {failure}"
        );
    }
    server.will(WEIGHTS, &[]);
    server.fetch(&out).unwrap();
    assert_eq!(
        std::fs::read(out.join(WEIGHTS)).unwrap(),
        server.bytes(WEIGHTS)
    );
}

#[test]
fn refusals_say_what_to_do() {
    let (server, _folder, out) = setting();
    for (status, words) in [
        (401, "Set HF_TOKEN"),
        (403, "accept its terms"),
        (404, "--revision main"),
    ] {
        server.will("listing", &[Act::Status(status)]);
        let failure = server.fetch(&out).unwrap_err();
        assert!(
            failure.message.contains(words),
            "no {words:?} in: {failure}"
        );
    }
    server.will("listing", &[Act::Status(500); 3]);
    let failure = server.fetch(&out).unwrap_err();
    assert!(failure.message.contains("after 3 attempts"), "{failure}");
    assert!(!out.exists());

    server.state.lock().unwrap().checksums = false;
    let failure = server.fetch(&out).unwrap_err();
    assert!(
        failure.message.contains("no size or checksum for"),
        "{failure}"
    );
}

#[test]
fn the_token_goes_to_the_hub_and_nowhere_else() {
    let (server, folder, _) = setting();
    let request = server.request(folder.path());
    let hub = Hub::new(&request, &server.address, Some(" hf_secret \n")).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(hub.list(&Cancel::default())).unwrap();
    let asked = server.state.lock().unwrap().asked.clone();
    assert_eq!(asked[0].authorization.as_deref(), Some("Bearer hf_secret"));
    server.will("listing", &[Act::Status(401)]);
    let failure = runtime.block_on(hub.list(&Cancel::default())).unwrap_err();
    assert!(
        failure.message.contains("HF_TOKEN does not open it"),
        "{failure}"
    );
    assert!(!failure.message.contains("hf_secret"), "{failure}");
    assert!(!format!("{:?}", hub.client).contains("hf_secret"));

    let Err(failure) = Hub::new(&request, "http://hub.example", Some("hf_secret")) else {
        panic!("a token in the clear");
    };
    assert!(failure.message.contains("not encrypted"), "{failure}");
    assert!(Hub::new(&request, "http://hub.example", None).is_ok());
}

#[test]
fn other_peoples_folders_and_odd_names_are_refused() {
    let (server, folder, out) = setting();
    std::fs::write(folder.path().join("thesis.txt"), "mine").unwrap();
    let failure = server.fetch(folder.path()).unwrap_err();
    assert!(failure.message.contains("nothing was changed"), "{failure}");
    server.fetch(&out).unwrap();
    let mut request = server.request(&out);
    request.repository = "someone/else".to_owned();
    let failure = fetch(&request, &Cancel::default(), &mut |_| ()).unwrap_err();
    assert!(
        failure.message.contains("holds someone/babbler"),
        "{failure}"
    );
    for name in ["babbler", "a/b/c", "../x/y", "a/..", "a b/c", "/x"] {
        request.repository = name.to_owned();
        assert!(
            fetch(&request, &Cancel::default(), &mut |_| ()).is_err(),
            "{name}"
        );
    }
    request.repository = "a/b".to_owned();
    for endpoint in ["ftp://x", "hub", ""] {
        request.endpoint = Some(endpoint.to_owned());
        let failure = fetch(&request, &Cancel::default(), &mut |_| ()).unwrap_err();
        assert!(failure.message.contains("no address of a hub"), "{failure}");
    }
}

#[test]
fn a_disk_too_small_is_refused_with_the_figures() {
    let why = room(Path::new("models/x"), 13 << 30, Some(4 << 30)).unwrap_err();
    for words in ["13.0 GiB are still", "4.00 GiB free", "--out"] {
        assert!(why.message.contains(words), "no {words:?} in: {why}");
    }
    assert!(room(Path::new("models/x"), 1 << 30, Some(4 << 30)).is_ok());
}
