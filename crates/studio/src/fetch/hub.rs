//! The hub: its addresses, what it lists, and what its refusals mean.

use super::{Fetch, HubFile, Patience, TOKEN_VARIABLE};
use crate::view::Failure;
use engine::{Cancel, FileDigest};
use hf_hub::{Repo, RepoType};
use reqwest::header::{ACCEPT_ENCODING, AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Client, Response, StatusCode, Url};
use serde::Deserialize;
use std::time::Duration;

const CONNECT_MAX: Duration = Duration::from_secs(15);
const LISTING_BYTES_MAX: usize = 16 << 20;

/// Files beside the weights that the engine, or a person, reads.
const WANTED: [&str; 11] = [
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
    "model.safetensors.index.json",
    "LICENSE",
    "USAGE_POLICY",
    "NOTICE",
    "README.md",
];

pub(super) struct Hub {
    pub client: Client,
    endpoint: Url,
    repo: Repo,
    patience: Patience,
    has_token: bool,
}

/// What a revision of a repository holds, as far as it is wanted.
#[derive(Debug)]
pub(super) struct Listed {
    pub commit: String,
    /// Small files first, so that what is wrong is found before gigabytes have come.
    pub files: Vec<HubFile>,
}

#[derive(Deserialize)]
struct Answer {
    sha: String,
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
    size: Option<u64>,
    #[serde(rename = "blobId")]
    blob_id: Option<String>,
    lfs: Option<Lfs>,
}

#[derive(Deserialize)]
struct Lfs {
    #[serde(alias = "oid")]
    sha256: String,
    size: Option<u64>,
}

impl Hub {
    pub(super) fn new(
        request: &Fetch,
        endpoint: &str,
        token: Option<&str>,
    ) -> Result<Hub, Failure> {
        check_repository(&request.repository)?;
        let endpoint = address(endpoint)?;
        let token = token.map(str::trim).filter(|token| !token.is_empty());
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if let Some(token) = token {
            if endpoint.scheme() == "http" && !is_here(&endpoint) {
                return Err(Failure::input(format!(
                    "{endpoint} is not encrypted, and {TOKEN_VARIABLE} would be sent to it for \
                     all to read. Use https://, or unset {TOKEN_VARIABLE}."
                )));
            }
            let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| {
                Failure::input(format!(
                    "{TOKEN_VARIABLE} holds characters that no token has. Set it anew."
                ))
            })?;
            // Neither logged nor printed; reqwest drops it where another host is redirected to.
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        // Another provider may be installed already; either will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut client = Client::builder()
            .user_agent(concat!("touchstone/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .connect_timeout(CONNECT_MAX.min(request.patience.silence * 4))
            .read_timeout(request.patience.silence);
        if is_here(&endpoint) {
            client = client.no_proxy();
        }
        let client = client
            .build()
            .map_err(|error| Failure::internal(format!("No HTTPS client: {error}.")))?;
        Ok(Hub {
            client,
            endpoint,
            repo: Repo::with_revision(
                request.repository.clone(),
                RepoType::Model,
                request.revision.clone(),
            ),
            patience: request.patience,
            has_token: token.is_some(),
        })
    }

    /// One question gives the commit, and every file's size and checksum.
    pub(super) async fn list(&self, cancel: &Cancel) -> Result<Listed, Failure> {
        let url = self.url(&format!("api/{}?blobs=true", self.repo.api_url()))?;
        let mut attempt = 0;
        let text = loop {
            attempt += 1;
            let asked = or_cancelled(cancel, self.ask(&url)).await?;
            match asked {
                Ok(text) => break text,
                Err(Refusal::Final(failure)) => return Err(failure),
                Err(Refusal::Again(why)) if attempt >= self.patience.attempts => {
                    return Err(Failure::input(format!(
                        "{url} does not answer after {attempt} attempts: {why}. Check the \
                         network, or choose another hub with --endpoint or HF_ENDPOINT."
                    )));
                }
                Err(Refusal::Again(_)) => {
                    or_cancelled(cancel, tokio::time::sleep(self.pause(attempt))).await?;
                }
            }
        };
        let answer: Answer = serde_json::from_str(&text).map_err(|error| {
            Failure::input(format!(
                "{url} does not answer as a hub does ({error}). Check the endpoint."
            ))
        })?;
        self.chosen(answer)
    }

    async fn ask(&self, url: &Url) -> Result<String, Refusal> {
        let sent = self.client.get(url.clone()).send().await;
        let mut response = self.accept(sent.map_err(broken)?)?;
        let mut text = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(broken)? {
            text.extend_from_slice(&chunk);
            if text.len() > LISTING_BYTES_MAX {
                return Err(Refusal::Again("the answer does not end".to_owned()));
            }
        }
        String::from_utf8(text).map_err(|_| Refusal::Again("the answer is no text".to_owned()))
    }

    fn chosen(&self, answer: Answer) -> Result<Listed, Failure> {
        let mut files = Vec::new();
        for sibling in answer.siblings {
            let name = sibling.rfilename;
            // original/ and metal/ hold the same weights in other layouts.
            let wanted = WANTED.contains(&name.as_str())
                || (name.ends_with(".safetensors") && is_plain(&name));
            if !wanted {
                continue;
            }
            let hex = sibling.lfs.as_ref().map(|lfs| lfs.sha256.clone());
            let hex = hex.or(sibling.blob_id).unwrap_or_default();
            let size = sibling.lfs.and_then(|lfs| lfs.size).or(sibling.size);
            let (Some(bytes), Some(digest)) = (size, FileDigest::new(&hex, "the hub")) else {
                return Err(Failure::input(format!(
                    "{} gives no size or checksum for {name}, so that what arrives could not be \
                     trusted. Choose another hub with --endpoint.",
                    self.endpoint
                )));
            };
            files.push(HubFile {
                path: name,
                bytes,
                digest,
            });
        }
        let has = |test: &dyn Fn(&str) -> bool| files.iter().any(|file| test(&file.path));
        if !has(&|name| name == "config.json") || !has(&|name| name.ends_with(".safetensors")) {
            return Err(Failure::input(format!(
                "{} holds no config.json with *.safetensors at revision {}: it is no checkpoint \
                 that Touchstone reads.",
                self.repo.url(),
                self.repo.revision()
            )));
        }
        files.sort_by(|a, b| (a.bytes, &a.path).cmp(&(b.bytes, &b.path)));
        Ok(Listed {
            commit: answer.sha,
            files,
        })
    }

    pub(super) fn file_url(&self, commit: &str, path: &str) -> Result<Url, Failure> {
        self.url(&format!("{}/resolve/{commit}/{path}", self.repo.url()))
    }

    fn url(&self, path: &str) -> Result<Url, Failure> {
        let base = self.endpoint.as_str().trim_end_matches('/');
        Url::parse(&format!("{base}/{path}"))
            .map_err(|error| Failure::input(format!("{base}/{path} is no address: {error}.")))
    }

    pub(super) fn pause(&self, attempt: u32) -> Duration {
        self.patience.pause * 2u32.saturating_pow(attempt.saturating_sub(1).min(6))
    }

    /// The answer, or what its status means.
    pub(super) fn accept(&self, response: Response) -> Result<Response, Refusal> {
        let status = response.status();
        let url = without_query(response.url());
        let refuse = |message: String| Err(Refusal::Final(Failure::input(message)));
        match status {
            StatusCode::OK | StatusCode::PARTIAL_CONTENT => Ok(response),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => refuse(format!(
                "{url} refuses ({status}). {} The model may ask you to accept its terms on its \
                 page first.",
                match self.has_token {
                    true => format!("{TOKEN_VARIABLE} does not open it."),
                    false => format!("Set {TOKEN_VARIABLE} to a token that may read it."),
                }
            )),
            StatusCode::NOT_FOUND => refuse(format!(
                "{url} is not there ({status}). Check the model's name and --revision {}.",
                self.repo.revision()
            )),
            status
                if status.is_server_error()
                    || status == StatusCode::TOO_MANY_REQUESTS
                    || status == StatusCode::REQUEST_TIMEOUT
                    || status == StatusCode::RANGE_NOT_SATISFIABLE =>
            {
                Err(Refusal::Again(format!("{url} answers {status}")))
            }
            status => refuse(format!(
                "{url} answers {status}. Check the endpoint and the model's name."
            )),
        }
    }
}

/// Why something did not come.
#[derive(Debug)]
pub(super) enum Refusal {
    /// Trying again may help.
    Again(String),
    Final(Failure),
}

/// A signed address is a secret for its time.
fn without_query(url: &Url) -> Url {
    let mut url = url.clone();
    url.set_query(None);
    url
}

/// The causes, without addresses that may hold signatures.
pub(super) fn broken(error: reqwest::Error) -> Refusal {
    let what = match () {
        () if error.is_timeout() => "nothing came for too long",
        () if error.is_connect() => "no connection",
        () => "the connection broke",
    };
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    Refusal::Again(format!("{what} ({cause})"))
}

/// What `work` gives, unless it is cancelled before.
pub(super) async fn or_cancelled<T>(
    cancel: &Cancel,
    work: impl Future<Output = T>,
) -> Result<T, Failure> {
    const LOOK: Duration = Duration::from_millis(50);
    let cancelled = async {
        while !cancel.is_cancelled() {
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::select! {
        biased;
        () = cancelled => Err(Failure::cancelled()),
        result = work => Ok(result),
    }
}

/// A name that stays in its folder.
fn is_plain(name: &str) -> bool {
    !name.contains(['/', '\\', ':']) && !name.starts_with('.')
}

fn check_repository(name: &str) -> Result<(), Failure> {
    let sound = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    let parts: Vec<&str> = name.split('/').collect();
    match parts[..] {
        [owner, model] if sound(owner) && sound(model) => Ok(()),
        _ => Err(Failure::input(format!(
            "\"{name}\" names no model of a hub. Give it as OWNER/MODEL, such as \
             openai/gpt-oss-safeguard-20b."
        ))),
    }
}

fn address(endpoint: &str) -> Result<Url, Failure> {
    let url = Url::parse(endpoint.trim()).ok();
    url.filter(|url| ["http", "https"].contains(&url.scheme()) && url.has_host())
        .ok_or_else(|| {
            Failure::input(format!(
                "\"{endpoint}\" is no address of a hub. Give one like https://huggingface.co."
            ))
        })
}

/// Whether the address is this machine's own.
fn is_here(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    host == "localhost" || host == "127.0.0.1" || host == "[::1]"
}
