//! A server in the test's own process, and a client that speaks to it.

use domain::policy::{self, Effort};
use engine::{Finish, Prefix, Request};
use reqwest::{Client, Response};
use serde_json::Value;
use serve::{Limits, Place, Server, Stop};
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;
use studio::judge::Judge;
use studio::replay::{Line, Replay};
use studio::{Options, Studio};
use tempfile::TempDir;
use tokio::task::JoinHandle;

pub const POLICY: &str = "---
id: tobacco
title: Tobacco
labels:
  VIOLATES: violates
  SAFE: safe
effort: low
---
# Tobacco

T1 Offers to sell tobacco.
";

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub struct Setup {
    pub policy: String,
    pub judge: Option<Arc<dyn Judge>>,
    pub tokens: Vec<String>,
    pub limits: Limits,
    pub any_policy: bool,
}

impl Setup {
    pub fn replay(replay: Arc<Replay>) -> Setup {
        Setup {
            policy: POLICY.to_owned(),
            judge: Some(replay),
            tokens: Vec::new(),
            limits: Limits::default(),
            any_policy: false,
        }
    }

    /// The sample's tobacco policy, judged by Pebble.
    pub fn pebble() -> Setup {
        Setup {
            policy: std::fs::read_to_string(repository().join("policies/tobacco.md")).unwrap(),
            judge: None,
            ..Setup::replay(Arc::new(Replay::new(|_, _| says("", "SAFE"))))
        }
    }
}

pub struct Running {
    pub studio: Studio,
    pub url: String,
    pub client: Client,
    pub stop: Stop,
    pub task: JoinHandle<()>,
    _folder: TempDir,
}

pub async fn start(setup: Setup) -> Running {
    let folder = tempfile::tempdir().unwrap();
    let pebble = repository().join("fixtures/pebble").canonicalize().unwrap();
    let options = Options {
        model: Some(pebble.to_string_lossy().into_owned()),
        judge: setup.judge,
        ..Options::default()
    };
    let studio = Studio::open(folder.path(), options).await.unwrap();
    let policy = policy::parse(setup.policy.as_bytes()).unwrap();
    let classifier = studio
        .classifier("policies/tobacco.md", policy, Effort::Low)
        .await
        .unwrap();
    let place = Place {
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        port: 0,
        tokens: setup.tokens,
    };
    let file = "policies/tobacco.md".to_owned();
    let server = Server::bind(&place, setup.limits, file, classifier, setup.any_policy)
        .await
        .unwrap();
    let url = format!("http://{}", server.address());
    let stop = server.stopper();
    Running {
        studio,
        url,
        client: client(),
        stop,
        task: tokio::spawn(server.run()),
        _folder: folder,
    }
}

pub fn client() -> Client {
    // The second test of a process finds the provider installed.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    Client::builder().timeout(PATIENCE).build().unwrap()
}

impl Running {
    pub async fn get(&self, path: &str) -> Response {
        let request = self.client.get(format!("{}{path}", self.url));
        request.send().await.unwrap()
    }

    pub async fn post(&self, path: &str, body: &Value) -> Response {
        let request = self.client.post(format!("{}{path}", self.url));
        request.json(body).send().await.unwrap()
    }

    /// The document of an answer that must be a good one.
    pub async fn ask(&self, path: &str, body: &Value) -> Value {
        let response = self.post(path, body).await;
        let status = response.status();
        let document: Value = response.json().await.unwrap();
        assert_eq!(status, 200, "{document}");
        document
    }

    /// The status and the error of an answer that must be a refusal.
    pub async fn refusal(&self, path: &str, body: &Value) -> (u16, Value) {
        error(self.post(path, body).await).await
    }

    pub async fn metric(&self, line: &str) -> Option<f64> {
        let text = self.get("/metrics").await.text().await.unwrap();
        let value = text.lines().find_map(|l| l.strip_prefix(line))?;
        value.trim().parse().ok()
    }

    /// Waits until a metric has a value.
    pub async fn until(&self, line: &str, value: f64) {
        let reached = async {
            while self.metric(line).await != Some(value) {
                tokio::task::yield_now().await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, reached).await;
        assert!(waited.is_ok(), "{line} did not become {value}");
    }
}

pub async fn error(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let mut document: Value = response.json().await.unwrap();
    let error = document["error"].take();
    assert!(error["message"].as_str().is_some_and(|m| !m.is_empty()));
    assert!(
        error["type"].is_string() && error["code"].is_string(),
        "{error}"
    );
    (status, error)
}

pub fn says(analysis: &str, answer: &str) -> Line {
    Line {
        analysis: analysis.to_owned(),
        answer: Some(answer.to_owned()),
        margin: Some(if answer.starts_with("VIOLATES") {
            2.5
        } else {
            -2.5
        }),
        finish: Finish::Stop,
    }
}

/// Violates where the content sells.
pub fn seller(_: &Prefix, request: &Request) -> Line {
    match request.user.contains("sell") {
        true => says("T1 applies.", "VIOLATES T1"),
        false => says("Nothing applies.", "SAFE"),
    }
}

/// Holds whoever passes until it is opened.
#[derive(Clone, Default)]
pub struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    pub fn pass(&self) {
        let (open, changed) = &*self.0;
        let mut open = open.lock().unwrap();
        while !*open {
            open = changed.wait(open).unwrap();
        }
    }

    pub fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }
}

/// A judge that answers as `seller` once the gate is open.
pub fn gated() -> (Gate, Arc<Replay>) {
    let gate = Gate::default();
    let held = gate.clone();
    let replay = Replay::new(move |prefix, request| {
        held.pass();
        seller(prefix, request)
    });
    (gate, Arc::new(replay))
}
