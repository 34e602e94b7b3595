//! A hub on this machine that cuts, stalls, corrupts and refuses. A small checkpoint of ours
//! is what it holds, beside files that no one should fetch.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::super::{Fetch, Fetched, Patience, fetch};
use crate::view::Failure;
use engine::Cancel;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What the server does with one request for a file.
#[derive(Debug, Clone, Copy)]
pub(super) enum Act {
    /// Sends so many bytes of what was asked for, then hangs up.
    Cut(usize),
    /// Sends so many bytes, then says nothing more.
    Stall(usize),
    /// Changes one byte.
    Corrupt,
    /// Answers 200 with everything, whatever the range.
    IgnoreRange,
    /// Answers 206 with another part than was asked for.
    WrongRange,
    Status(u16),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    pub path: String,
    pub range: Option<u64>,
    pub authorization: Option<String>,
}

#[derive(Default)]
pub(super) struct State {
    files: BTreeMap<String, Vec<u8>>,
    acts: HashMap<String, VecDeque<Act>>,
    pub asked: Vec<Asked>,
    pub checksums: bool,
}

pub(super) struct Server {
    pub state: Arc<Mutex<State>>,
    pub address: String,
}

pub(super) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
pub(super) const WEIGHTS: &str = "model.safetensors";

impl Server {
    pub fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let mut files = BTreeMap::new();
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/parity/babbler");
        for entry in std::fs::read_dir(fixture).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            files.insert(name, std::fs::read(path).unwrap());
        }
        files.insert(
            "README.md".to_owned(),
            b"---\nlicense: apache-2.0\n---\n".to_vec(),
        );
        for other in [
            "original/model.safetensors",
            "metal/model.bin",
            "../evil.safetensors",
        ] {
            files.insert(other.to_owned(), vec![0; 1_000]);
        }
        let state = Arc::new(Mutex::new(State {
            files,
            checksums: true,
            ..State::default()
        }));
        let shared = state.clone();
        // Ends with the process; each connection has its own thread, as some never end.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = shared.clone();
                std::thread::spawn(move || serve(stream, &state));
            }
        });
        Server { state, address }
    }

    pub fn will(&self, path: &str, acts: &[Act]) {
        let mut state = self.state.lock().unwrap();
        state
            .acts
            .insert(path.to_owned(), acts.iter().copied().collect());
    }

    pub fn asked(&self, path: &str) -> Vec<Option<u64>> {
        let state = self.state.lock().unwrap();
        let of_path = state.asked.iter().filter(|asked| asked.path == path);
        of_path.map(|asked| asked.range).collect()
    }

    pub fn bytes(&self, path: &str) -> Vec<u8> {
        self.state.lock().unwrap().files[path].clone()
    }

    pub fn request(&self, out: &Path) -> Fetch {
        Fetch {
            repository: "someone/babbler".to_owned(),
            revision: "main".to_owned(),
            endpoint: Some(self.address.clone()),
            out: Some(out.to_owned()),
            patience: Patience {
                silence: Duration::from_millis(300),
                attempts: 3,
                pause: Duration::from_millis(5),
            },
        }
    }

    pub fn fetch(&self, out: &Path) -> Result<Fetched, Failure> {
        fetch(&self.request(out), &Cancel::default(), &mut |_| ())
    }
}

fn serve(stream: TcpStream, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut asked = Asked {
            path: String::new(),
            range: None,
            authorization: None,
        };
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).unwrap();
            let Some((name, value)) = header.trim().split_once(": ") else {
                break;
            };
            match name.to_lowercase().as_str() {
                "range" => {
                    let from = value.trim_start_matches("bytes=").trim_end_matches('-');
                    asked.range = from.parse().ok();
                }
                "authorization" => asked.authorization = Some(value.to_owned()),
                _ => (),
            }
        }
        let goes_on = match path.strip_prefix(&format!("/someone/babbler/resolve/{COMMIT}/")) {
            Some(file) => {
                asked.path = file.to_owned();
                send_file(&mut stream, state, asked)
            }
            None => {
                asked.path.clone_from(&path);
                send_listing(&mut stream, state, asked)
            }
        };
        if !goes_on {
            return;
        }
    }
}

fn head(stream: &mut TcpStream, status: &str, length: usize, more: &str) {
    let text = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{more}\r\n");
    let _ = stream.write_all(text.as_bytes());
}

fn send_listing(stream: &mut TcpStream, state: &Mutex<State>, asked: Asked) -> bool {
    let mut state = state.lock().unwrap();
    let path = asked.path.clone();
    state.asked.push(asked);
    let act = state.acts.get_mut("listing").and_then(VecDeque::pop_front);
    if let Some(Act::Status(status)) = act {
        head(stream, &format!("{status} Refused"), 0, "");
        return true;
    }
    if path != "/api/models/someone/babbler/revision/main?blobs=true" {
        head(stream, "404 Not Found", 0, "");
        return true;
    }
    let checksums = state.checksums;
    let siblings: Vec<serde_json::Value> = state
        .files
        .iter()
        .map(|(name, bytes)| {
            let mut entry = serde_json::json!({ "rfilename": name, "size": bytes.len() });
            if checksums && name.ends_with(".safetensors") {
                let sha256 = hex(&Sha256::digest(bytes));
                entry["lfs"] = serde_json::json!({
                    "sha256": sha256, "size": bytes.len(), "pointerSize": 135,
                });
            }
            // Small files carry git's own name.
            if checksums {
                entry["blobId"] = git_blob(bytes).into();
            }
            entry
        })
        .collect();
    let body = serde_json::json!({ "sha": COMMIT, "siblings": siblings }).to_string();
    head(
        stream,
        "200 OK",
        body.len(),
        "Content-Type: application/json\r\n",
    );
    stream.write_all(body.as_bytes()).is_ok()
}

/// Says whether the connection can go on.
fn send_file(stream: &mut TcpStream, state: &Mutex<State>, asked: Asked) -> bool {
    let (act, whole) = {
        let mut state = state.lock().unwrap();
        state.asked.push(asked.clone());
        let act = state
            .acts
            .get_mut(&asked.path)
            .and_then(VecDeque::pop_front);
        (act, state.files.get(&asked.path).cloned())
    };
    let Some(mut whole) = whole else {
        head(stream, "404 Not Found", 0, "");
        return true;
    };
    if let Some(Act::Status(status)) = act {
        head(stream, &format!("{status} Refused"), 0, "");
        return true;
    }
    if matches!(act, Some(Act::Corrupt)) {
        let middle = whole.len() / 2;
        whole[middle] ^= 0x40;
    }
    let from = match act {
        Some(Act::IgnoreRange) => 0,
        _ => asked.range.unwrap_or(0) as usize,
    };
    let said = match act {
        Some(Act::WrongRange) => 0,
        _ => from,
    };
    let rest = &whole[from..];
    let range = format!(
        "Content-Range: bytes {said}-{}/{}\r\n",
        whole.len() - 1,
        whole.len()
    );
    match (asked.range, act) {
        (None, _) | (_, Some(Act::IgnoreRange)) => head(stream, "200 OK", rest.len(), ""),
        _ => head(stream, "206 Partial Content", rest.len(), &range),
    }
    match act {
        Some(Act::Cut(n)) => {
            let _ = stream.write_all(&rest[..n.min(rest.len())]);
            false
        }
        Some(Act::Stall(n)) => {
            let _ = stream.write_all(&rest[..n.min(rest.len())]);
            // Until the other side hangs up.
            let _ = stream.read(&mut [0; 1]);
            false
        }
        _ => stream.write_all(rest).is_ok(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn git_blob(bytes: &[u8]) -> String {
    use sha1::Digest as _;
    let whole = [format!("blob {}\0", bytes.len()).as_bytes(), bytes].concat();
    hex(&sha1::Sha1::digest(whole))
}
