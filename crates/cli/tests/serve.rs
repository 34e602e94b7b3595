//! `touchstone serve` as a program: what it prints, how it ends, and how it bears twice
//! the load that it can carry. `TOUCHSTONE_LOAD_S` makes the load longer than CI's minute.
#![expect(clippy::unwrap_used, reason = "tests")]

use reqwest::Client;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Requests under way while the capacity is measured: the engine's batch is then full.
const CLOSED_LOOP: usize = 24;
const PATIENCE: Duration = Duration::from_secs(120);

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn client() -> Client {
    let _installed = rustls::crypto::ring::default_provider().install_default();
    Client::builder().timeout(PATIENCE).build().unwrap()
}

struct Served {
    child: Child,
    ready: Value,
    folder: tempfile::TempDir,
}

fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_touchstone"));
    command
        .args(["serve", "--port", "0", "--json"])
        .args(args)
        .current_dir(folder)
        .env("TOUCHSTONE_PEBBLE", repository().join("fixtures/pebble"));
    command
}

fn workspace() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("policies")).unwrap();
    let policy = repository().join("policies/tobacco.md");
    std::fs::copy(policy, folder.path().join("policies/tobacco.md")).unwrap();
    folder
}

impl Served {
    fn start(args: &[&str]) -> Served {
        let folder = workspace();
        let mut child = command(folder.path(), &[&["--policy", "tobacco"], args].concat())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        Served {
            child,
            ready: serde_json::from_str(&line).unwrap(),
            folder,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.ready["url"].as_str().unwrap())
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([name, &id]).status().unwrap();
        assert!(sent.success());
    }

    fn end(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// Resident bytes of the server alone.
    #[cfg(target_os = "linux")]
    fn resident_bytes(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status
            .lines()
            .find_map(|l| l.strip_prefix("VmRSS:"))
            .unwrap();
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
        kib << 10
    }
}

async fn judge(client: Client, url: String, content: String) -> (u16, Duration, bool) {
    let started = Instant::now();
    let body = json!({"messages": [{"role": "user", "content": content}]});
    let response = client.post(url).json(&body).send().await.unwrap();
    let status = response.status().as_u16();
    let retry = response.headers().contains_key("retry-after");
    let document: Value = response.json().await.unwrap();
    let told = document["choices"].is_array() || retry && document["error"].is_object();
    (status, started.elapsed(), told)
}

#[tokio::test]
async fn a_term_signal_finishes_what_was_accepted() {
    let served = Served::start(&[]);
    assert_eq!(served.ready["policy"], "tobacco");
    assert_eq!(served.ready["revision"].as_str().unwrap().len(), 64);
    assert_eq!(served.ready["digest"].as_str().unwrap().len(), 64);
    let chat = served.url("/v1/chat/completions");
    let mut asked = JoinSet::new();
    let client = client();
    for i in 0..24 {
        asked.spawn(judge(
            client.clone(),
            chat.clone(),
            format!("cigarettes {i}"),
        ));
    }
    // Accepted are those that the server has counted.
    let accepted = async {
        loop {
            let text = client.get(served.url("/metrics")).send().await.unwrap();
            let text = text.text().await.unwrap();
            let depth: f64 = [
                "touchstone_queue_depth ",
                "touchstone_in_flight ",
                "touchstone_case_seconds_count ",
            ]
            .iter()
            .filter_map(|name| text.lines().find_map(|line| line.strip_prefix(name)))
            .filter_map(|value| value.parse::<f64>().ok())
            .sum();
            if depth >= 24.0 {
                break;
            }
        }
    };
    tokio::time::timeout(PATIENCE, accepted).await.unwrap();
    served.signal("-TERM");
    while let Some(answer) = asked.join_next().await {
        let (status, _, told) = answer.unwrap();
        assert_eq!((status, told), (200, true));
    }
    assert!(served.folder.path().join(".touchstone").is_dir());
    let url = served.url("/healthz");
    assert!(served.end().success());
    assert!(client.get(url).send().await.is_err());
}

#[test]
fn what_cannot_be_served_is_refused_before_anything_listens() {
    let folder = workspace();
    std::fs::write(folder.path().join("short.token"), "secret\n").unwrap();
    let refusals: [(&[&str], &str); 4] = [
        (
            &["--policy", "tobacco", "--bind", "0.0.0.0"],
            "--token-file",
        ),
        (
            &["--policy", "tobacco", "--token-file", "short.token"],
            "16 characters",
        ),
        (
            &["--policy", "tobacco", "--token-file", "none.token"],
            "none.token",
        ),
        (&["--policy", "none"], "There is no policy none"),
    ];
    for (args, message) in refusals {
        let output = command(folder.path(), args).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(
            stderr.contains(message) && output.stdout.is_empty(),
            "{stderr}"
        );
    }
}

/// Answers a second when there is always one to judge.
async fn capacity(client: &Client, chat: &str, contents: &[String], judged: usize) -> f64 {
    let started = Instant::now();
    let mut asked = JoinSet::new();
    for i in 0..judged {
        if asked.len() >= CLOSED_LOOP {
            asked.join_next().await.unwrap().unwrap();
        }
        let content = contents[i % contents.len()].clone();
        asked.spawn(judge(client.clone(), chat.to_owned(), content));
    }
    asked.join_all().await;
    judged as f64 / started.elapsed().as_secs_f64()
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twice_the_load_it_can_carry_is_answered_or_refused() {
    let seconds = std::env::var("TOUCHSTONE_LOAD_S").ok();
    let seconds: f64 = seconds.map_or(60.0, |seconds| seconds.parse().unwrap());
    let served = Served::start(&["--queue", "32", "--rate", "0"]);
    let chat = served.url("/v1/chat/completions");
    let suite = std::fs::read_to_string(repository().join("fixtures/tobacco.jsonl")).unwrap();
    let contents: Vec<String> = suite
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter_map(|case| Some(case["content"].as_str()?.to_owned()))
        .collect();
    let client = client();
    let per_s = capacity(&client, &chat, &contents, 120).await;

    let mib = |bytes: &u64| *bytes as f64 / f64::from(1 << 20);
    let interval = Duration::from_secs_f64(0.5 / per_s);
    let started = Instant::now();
    let mut ticks = tokio::time::interval(interval);
    // The load does not wait for a server that falls behind.
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Burst);
    let mut asked = JoinSet::new();
    let mut answers = Vec::new();
    let mut resident: Vec<u64> = Vec::new();
    let mut sent = 0;
    while started.elapsed().as_secs_f64() < seconds {
        ticks.tick().await;
        let content = contents[sent % contents.len()].clone();
        asked.spawn(judge(client.clone(), chat.clone(), content));
        sent += 1;
        while let Some(answer) = asked.try_join_next() {
            answers.push(answer.unwrap());
        }
        if resident.len() as f64 <= started.elapsed().as_secs_f64() {
            resident.push(served.resident_bytes());
            if resident.len().is_multiple_of(60) {
                let judged = answers.iter().filter(|(status, ..)| *status == 200).count();
                println!(
                    "{} s: resident {:.1} MiB; judged {judged}, refused {}, under way {}",
                    resident.len(),
                    resident.last().map_or(0.0, mib),
                    answers.len() - judged,
                    asked.len()
                );
            }
        }
    }
    while let Some(answer) = asked.join_next().await {
        answers.push(answer.unwrap());
    }

    assert_eq!(answers.len(), sent);
    assert!(
        answers
            .iter()
            .all(|(status, _, told)| *told && [200, 429].contains(status))
    );
    let mut accepted_ms: Vec<u128> = answers
        .iter()
        .filter(|(status, ..)| *status == 200)
        .map(|(_, elapsed, _)| elapsed.as_millis())
        .collect();
    accepted_ms.sort_unstable();
    let refused = sent - accepted_ms.len();
    let at = |share: f64| accepted_ms[((accepted_ms.len() - 1) as f64 * share) as usize];
    let (warm, last) = resident.split_at(resident.len() / 3);
    let (warm, peak) = (warm.iter().max().unwrap(), last.iter().max().unwrap());
    println!(
        "load: {seconds:.0} s, capacity {per_s:.1}/s, sent {sent} ({:.1}/s), accepted {}, refused {refused}; \
         accepted p50 {} ms, p99 {} ms, max {} ms; resident after warm-up {:.1} MiB, peak after that {:.1} MiB, at the end {:.1} MiB",
        sent as f64 / seconds,
        accepted_ms.len(),
        at(0.5),
        at(0.99),
        at(1.0),
        mib(warm),
        mib(peak),
        mib(resident.last().unwrap()),
    );
    assert!(
        refused > 0,
        "twice the capacity must be more than it can judge"
    );
    assert!(
        accepted_ms.len() as f64 > 0.2 * per_s * seconds,
        "too few were judged"
    );
    assert!(mib(peak) < mib(warm) + 16.0, "memory grew: {resident:?}");
    served.signal("-TERM");
    assert!(served.end().success());
}
