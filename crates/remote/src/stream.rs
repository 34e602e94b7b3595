//! Reading what a server sends: events of a stream, or one document, piece by piece and
//! within bounds. Nothing is ever read to the end because the server goes on sending.

use crate::api::Limits;
use crate::fault::Fault;
use reqwest::Response;
use std::time::Duration;

/// Of a document that is not a reply (a list of models, an error).
const DOCUMENT_BYTES_MAX: usize = 4 << 20;

/// Takes a stream apart into the data of its events.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    rest: Vec<u8>,
    data: String,
}

impl Lines {
    /// The data of every event that these bytes complete.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut events = vec![];
        let mut bytes = bytes;
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.rest.extend_from_slice(&bytes[..end]);
            bytes = &bytes[end + 1..];
            let line = std::mem::take(&mut self.rest);
            let line = line.strip_suffix(b"\r").unwrap_or(&line);
            if line.is_empty() {
                events.extend(self.end());
            } else if let Some(data) = line.strip_prefix(b"data:") {
                let data = data.strip_prefix(b" ").unwrap_or(data);
                if !self.data.is_empty() {
                    self.data.push('\n');
                }
                self.data.push_str(&String::from_utf8_lossy(data));
            }
        }
        self.rest.extend_from_slice(bytes);
        events
    }

    /// An event whose end was the end of everything.
    pub(crate) fn end(&mut self) -> Option<String> {
        Some(std::mem::take(&mut self.data)).filter(|data| !data.is_empty())
    }

    pub(crate) fn held(&self) -> usize {
        self.rest.len() + self.data.len()
    }
}

/// The next bytes of a body, or nothing at its end.
pub(crate) async fn next(
    response: &mut Response,
    host: &str,
    idle: Duration,
) -> Result<Option<Vec<u8>>, Fault> {
    match tokio::time::timeout(idle, response.chunk()).await {
        Err(_elapsed) => Err(Fault::Silent(idle)),
        Ok(Err(error)) => Err(Fault::of_transport(host, idle, &error)),
        Ok(Ok(bytes)) => Ok(bytes.map(|bytes| bytes.to_vec())),
    }
}

/// A whole small document.
pub(crate) async fn document(
    mut response: Response,
    host: &str,
    limits: &Limits,
) -> Result<Vec<u8>, Fault> {
    let mut body = vec![];
    while let Some(bytes) = next(&mut response, host, limits.idle).await? {
        if body.len() + bytes.len() > DOCUMENT_BYTES_MAX {
            return Err(Fault::TooLarge {
                bytes_max: DOCUMENT_BYTES_MAX,
            });
        }
        body.extend(bytes);
    }
    Ok(body)
}

/// How a document that should have been JSON is named: its kind and its beginning.
pub(crate) fn glimpse(body: &[u8]) -> String {
    const CHARS_MAX: usize = 80;
    let text = String::from_utf8_lossy(&body[..body.len().min(4 * CHARS_MAX)]);
    let text = text.trim();
    let start: String = text
        .chars()
        .take(CHARS_MAX)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if text.is_empty() {
        "it is empty".to_owned()
    } else if text.starts_with('<') {
        format!("a web page that begins with {start:?}")
    } else {
        format!("a text that begins with {start:?}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_found_however_the_bytes_are_cut() {
        let stream =
            ": ping\r\ndata: {\"a\":\"é\"}\r\n\r\nevent: x\ndata:one\ndata: two\n\ndata: [DONE]";
        for size in 1..stream.len() {
            let mut lines = Lines::default();
            let mut events = vec![];
            for bytes in stream.as_bytes().chunks(size) {
                events.extend(lines.push(bytes));
            }
            events.extend(lines.push(b"\n"));
            events.extend(lines.end());
            assert_eq!(events, ["{\"a\":\"é\"}", "one\ntwo", "[DONE]"], "{size}");
        }
    }
}
