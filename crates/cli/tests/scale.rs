//! What the client itself costs when a server judges: `touchstone run` over a large suite
//! with 64 requests in flight, against a server that does nothing but answer in the form
//! of vLLM's streams. `TOUCHSTONE_SCALE_CASES` makes the suite larger than CI does;
//! `TOUCHSTONE_SCALE_INTERVAL` is the number of tokens in one event of a stream.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

const IN_FLIGHT: usize = 64;
/// The median of real replies.
const TOKENS: usize = 159;
/// As vLLM's guide for gpt-oss sets it with `--stream-interval`.
const INTERVAL: usize = 20;
/// What a server takes at least, so that all requests are in flight at once.
const REPLY_TIME: Duration = Duration::from_millis(100);
/// The client's own processor time, in the build that `scripts/start.sh` makes.
const CASE_MS_MAX: f64 = 2.0;
/// Clock ticks of /proc/PID/stat, the same on every Linux since 2.4.
const TICK_MS: u64 = 10;

/// Requests being answered now, and the most there were.
#[derive(Default)]
struct Load {
    now: AtomicUsize,
    most: AtomicUsize,
}

/// Answers every chat with the same stream.
async fn serve(listener: TcpListener, stream: Arc<str>, load: Arc<Load>) {
    while let Ok((connection, _)) = listener.accept().await {
        tokio::spawn(answer(connection, stream.clone(), load.clone()));
    }
}

fn stream(interval: usize) -> String {
    let chunk = |delta: Value, finish: Option<&str>| {
        let choice = json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish});
        let chunk = json!({"id": "chatcmpl-0123456789abcdef", "object": "chat.completion.chunk",
            "created": 1_700_000_000, "model": "echo", "choices": [choice]});
        format!("data: {chunk}\n\n")
    };
    let mut text = chunk(json!({"role": "assistant", "content": ""}), None);
    let tokens: Vec<String> = (0..TOKENS).map(|i| format!(" because{i}")).collect();
    for tokens in tokens.chunks(interval) {
        text += &chunk(json!({"reasoning": tokens.concat()}), None);
    }
    text += &chunk(json!({"content": "SAFE"}), None);
    text += &chunk(json!({}), Some("stop"));
    let usage =
        json!({"prompt_tokens": 500, "completion_tokens": TOKENS, "total_tokens": 500 + TOKENS});
    let usage = json!({"id": "x", "object": "chat.completion.chunk", "created": 0, "model": "echo",
        "choices": [], "usage": usage});
    let _written = write!(text, "data: {usage}\n\ndata: [DONE]\n\n");
    text
}

async fn answer(connection: TcpStream, stream: Arc<str>, load: Arc<Load>) {
    let mut connection = BufReader::new(connection);
    while let Some(path) = read_request(&mut connection).await {
        let (kind, body) = match path.as_str() {
            "/v1/models" => {
                let model = json!({"id": "echo", "owned_by": "vllm", "max_model_len": 131_072});
                ("application/json", json!({"data": [model]}).to_string())
            }
            "/version" => ("application/json", json!({"version": "0"}).to_string()),
            _ => {
                let now = load.now.fetch_add(1, Ordering::Relaxed) + 1;
                load.most.fetch_max(now, Ordering::Relaxed);
                tokio::time::sleep(REPLY_TIME).await;
                load.now.fetch_sub(1, Ordering::Relaxed);
                ("text/event-stream", stream.to_string())
            }
        };
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let sent = connection
            .write_all(format!("{head}{body}").as_bytes())
            .await;
        if sent.is_err() || connection.flush().await.is_err() {
            return;
        }
    }
}

/// The path of the next request, whose body is skipped.
async fn read_request(connection: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = String::new();
    connection
        .read_line(&mut line)
        .await
        .ok()
        .filter(|n| *n > 0)?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut length = 0;
    loop {
        line.clear();
        connection.read_line(&mut line).await.ok()?;
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    connection.read_exact(&mut body).await.ok()?;
    Some(path)
}

fn binary(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_touchstone"));
    command
        .current_dir(folder)
        .env("TOUCHSTONE_KEYS", folder.join("keys"));
    command
}

fn workspace(cases: usize) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let repository: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for name in ["policies", "fixtures", "keys"] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
    }
    let policy = folder.path().join("policies/tobacco.md");
    std::fs::copy(repository.join("policies/tobacco.md"), policy).unwrap();
    let suite: String = (0..cases)
        .map(|i| {
            let content = format!(
                "Listing {i}: {}",
                "a pipe from grandfather's time, ".repeat(8)
            );
            format!(
                "{}\n",
                json!({"id": format!("case-{i}"), "content": content, "expected": "safe"})
            )
        })
        .collect();
    std::fs::write(folder.path().join("fixtures/tobacco.jsonl"), suite).unwrap();
    folder
}

/// Processor time and resident bytes of a process; nothing once it has ended.
fn usage(child: &Child) -> Option<(u64, u64)> {
    let process = PathBuf::from(format!("/proc/{}", child.id()));
    let stat = std::fs::read_to_string(process.join("stat")).ok()?;
    // The name in parentheses may hold anything.
    let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
    let ticks: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    let status = std::fs::read_to_string(process.join("status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some((ticks * TICK_MS, kib << 10))
}

#[tokio::test]
async fn the_clients_own_cost_is_small_and_its_memory_bounded() {
    let number = |name: &str, default: usize| {
        std::env::var(name).map_or(default, |number| number.parse().unwrap())
    };
    let cases = number("TOUCHSTONE_SCALE_CASES", 1000);
    let interval = number("TOUCHSTONE_SCALE_INTERVAL", INTERVAL);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/v1#echo", listener.local_addr().unwrap());
    let load = Arc::new(Load::default());
    let server = tokio::spawn(serve(listener, stream(interval).into(), load.clone()));
    let folder = workspace(cases);
    let in_flight = IN_FLIGHT.to_string();
    let added = binary(folder.path())
        .args(["server", "add", &address, "--concurrency", &in_flight])
        .output()
        .unwrap();
    assert!(
        added.status.success(),
        "{}",
        String::from_utf8_lossy(&added.stderr)
    );

    let started = Instant::now();
    let out = std::fs::File::create(folder.path().join("run.json")).unwrap();
    let mut child = binary(folder.path())
        .args(["run", "--policy", "tobacco", "--model", &address, "--json"])
        .stdout(Stdio::from(out))
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut samples: Vec<(u64, u64)> = Vec::new();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        samples.extend(usage(&child));
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let wall_s = started.elapsed().as_secs_f64();
    server.abort();
    assert!(status.success());
    let run: Value =
        serde_json::from_slice(&std::fs::read(folder.path().join("run.json")).unwrap()).unwrap();
    let outcomes = run["outcomes"].as_array().unwrap();
    assert_eq!(outcomes.len(), cases);
    assert!(outcomes.iter().all(|outcome| outcome["verdict"] == "safe"));

    let (cpu_ms, _) = samples.iter().copied().max().unwrap();
    let per_case_ms = cpu_ms as f64 / cases as f64;
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let resident = |from: usize, to: usize| samples[from..to].iter().map(|s| s.1).max().unwrap();
    let (half, all) = (samples.len() / 2, samples.len());
    println!(
        "client: {cases} cases, {interval} tokens an event, {} in flight at most, {wall_s:.1} s; processor {per_case_ms:.2} ms a case; \
         resident at most {:.1} MiB in the first half and {:.1} MiB in the second",
        load.most.load(Ordering::Relaxed),
        mib(resident(0, half)),
        mib(resident(half, all)),
    );
    let most = load.most.load(Ordering::Relaxed);
    assert!(
        (IN_FLIGHT / 2..=IN_FLIGHT).contains(&most),
        "{most} in flight"
    );
    assert!(per_case_ms <= CASE_MS_MAX, "{per_case_ms} ms a case");
    // Cases and outcomes are kept, a few kilobytes each; replies under way are not.
    assert!(mib(resident(0, all)) < 100.0 + cases as f64 / 50.0);
}
