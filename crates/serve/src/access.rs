//! Who may ask: tokens, the browser's tricks, and how often.
//!
//! A server on loopback without tokens is open to every program of this machine and to
//! nobody else. Pages in a browser are programs of others, so a Host header that is no
//! loopback name (a rebound DNS name) is refused here, and bodies must be declared JSON,
//! which no page can send elsewhere without asking first.

use crate::error::Refusal;
use axum::http::{HeaderMap, StatusCode, header};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;
use subtle::{Choice, ConstantTimeEq};

/// Clients whose rates are followed at once.
const CLIENTS_MAX: usize = 4096;
/// A token shorter than this can be guessed.
pub const TOKEN_CHARS_MIN: usize = 16;

/// Whose requests are counted together: a token's, else an address's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Client {
    Token(usize),
    Address(IpAddr),
}

pub struct Access {
    /// Digests, so that comparing tells nothing about a token's length either.
    tokens: Vec<[u8; 32]>,
    loopback_hosts_only: bool,
    rate: Option<Rate>,
}

/// Reads a token file: a token a line; empty lines and lines that begin with `#` are
/// skipped, so that a second token can be added before the first is withdrawn.
pub fn read_tokens(text: &str) -> Result<Vec<String>, String> {
    let lines = text.lines().map(str::trim).enumerate();
    let mut tokens = Vec::new();
    for (at, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
        if line.chars().count() < TOKEN_CHARS_MIN {
            return Err(format!(
                "line {}: a token needs {TOKEN_CHARS_MIN} characters at least; `openssl rand -hex 32` makes a good one",
                at + 1
            ));
        }
        if !line.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(format!(
                "line {}: a token is made of visible ASCII characters without spaces",
                at + 1
            ));
        }
        tokens.push(line.to_owned());
    }
    match tokens.is_empty() {
        true => Err("it holds no token; write one on a line of its own".to_owned()),
        false => Ok(tokens),
    }
}

impl Access {
    pub fn new(tokens: &[String], rate_per_s: Option<u32>) -> Access {
        Access {
            tokens: tokens.iter().map(|token| digest(token)).collect(),
            loopback_hosts_only: tokens.is_empty(),
            rate: rate_per_s.map(Rate::new),
        }
    }

    /// Whether a request may go on, and whose it is.
    pub fn admit(&self, headers: &HeaderMap, peer: IpAddr) -> Result<(), Refusal> {
        let client = self.identify(headers, peer)?;
        match &self.rate {
            Some(rate) => rate.take(client, Instant::now()),
            None => Ok(()),
        }
    }

    fn identify(&self, headers: &HeaderMap, peer: IpAddr) -> Result<Client, Refusal> {
        if self.tokens.is_empty() {
            if self.loopback_hosts_only && !is_loopback_host(headers) {
                return Err(Refusal::new(
                    StatusCode::FORBIDDEN,
                    "host_not_allowed",
                    "This server answers to localhost, 127.0.0.1 and [::1] only. Start it with a token file to serve other names.",
                ));
            }
            return Ok(Client::Address(peer));
        }
        let given = bearer(headers).ok_or_else(|| {
            unauthorized("A token is needed: send it as `Authorization: Bearer …`.")
        })?;
        let given = digest(given);
        let mut found = None;
        // All are compared, so that time tells nothing about which one is near.
        for (at, token) in self.tokens.iter().enumerate() {
            let same: Choice = token.ct_eq(&given);
            if bool::from(same) {
                found = Some(at);
            }
        }
        found
            .map(Client::Token)
            .ok_or_else(|| unauthorized("The token is not one of this server's."))
    }
}

fn unauthorized(message: &str) -> Refusal {
    Refusal::new(StatusCode::UNAUTHORIZED, "invalid_api_key", message)
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(token.trim())
}

/// A request without a Host header comes from no browser.
fn is_loopback_host(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::HOST) else {
        return true;
    };
    let Ok(host) = value.to_str() else {
        return false;
    };
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost")
        || name
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// A bucket for each client: filled at the rate, a second's worth deep.
struct Rate {
    per_s: f64,
    buckets: Mutex<HashMap<Client, Bucket>>,
}

struct Bucket {
    tokens: f64,
    filled: Instant,
}

impl Rate {
    fn new(per_s: u32) -> Rate {
        Rate {
            per_s: f64::from(per_s.max(1)),
            buckets: Mutex::default(),
        }
    }

    fn take(&self, client: Client, now: Instant) -> Result<(), Refusal> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let level = |bucket: &Bucket| {
            let s = now.duration_since(bucket.filled).as_secs_f64();
            (bucket.tokens + s * self.per_s).min(self.per_s)
        };
        if !buckets.contains_key(&client) && buckets.len() >= CLIENTS_MAX {
            // A full bucket is the same as none.
            buckets.retain(|_, bucket| level(bucket) < self.per_s);
            if buckets.len() >= CLIENTS_MAX {
                return Err(self.refuse("More clients ask at once than this server follows."));
            }
        }
        let bucket = buckets.entry(client).or_insert(Bucket {
            tokens: self.per_s,
            filled: now,
        });
        bucket.tokens = level(bucket);
        bucket.filled = now;
        if bucket.tokens < 1.0 {
            return Err(self.refuse("Requests come faster than this server's rate allows."));
        }
        bucket.tokens -= 1.0;
        Ok(())
    }

    fn refuse(&self, message: &str) -> Refusal {
        Refusal::new(
            StatusCode::TOO_MANY_REQUESTS,
            "rate_limit_exceeded",
            format!("{message} At most {} a second; try again.", self.per_s),
        )
        .again(1)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use axum::http::HeaderValue;
    use std::net::Ipv4Addr;
    use std::time::Duration;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn with(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn a_token_file_holds_tokens_and_remarks() {
        let text = "# ours\n\n0123456789abcdef\n  fedcba9876543210  \n";
        assert_eq!(
            read_tokens(text).unwrap(),
            ["0123456789abcdef", "fedcba9876543210"]
        );
        assert!(read_tokens("short").unwrap_err().contains("line 1"));
        assert!(read_tokens("# only a remark").is_err());
        assert!(
            read_tokens("a b c d e f g h i j k")
                .unwrap_err()
                .contains("spaces")
        );
    }

    #[test]
    fn a_token_of_the_list_is_needed() {
        let tokens = ["0123456789abcdef".to_owned(), "fedcba9876543210".to_owned()];
        let access = Access::new(&tokens, None);
        let ask = |value: &str| access.identify(&with(header::AUTHORIZATION, value), HERE);
        assert_eq!(ask("Bearer fedcba9876543210"), Ok(Client::Token(1)));
        assert_eq!(ask("bearer 0123456789abcdef"), Ok(Client::Token(0)));
        for wrong in [
            "Bearer 0123456789abcde",
            "Bearer ",
            "Basic 0123456789abcdef",
            "0123456789abcdef",
        ] {
            assert_eq!(ask(wrong).unwrap_err().status, 401, "{wrong}");
        }
        assert_eq!(
            access.identify(&HeaderMap::new(), HERE).unwrap_err().status,
            401
        );
    }

    #[test]
    fn without_tokens_only_loopback_names_are_served() {
        let access = Access::new(&[], None);
        let ask = |host: &str| access.identify(&with(header::HOST, host), HERE);
        for host in [
            "localhost:8765",
            "127.0.0.1",
            "127.0.0.1:1",
            "[::1]:8765",
            "LOCALHOST",
        ] {
            assert!(ask(host).is_ok(), "{host}");
        }
        for host in [
            "evil.example:8765",
            "localhost.evil.example",
            "10.0.0.1",
            "[::2]",
            "",
        ] {
            assert_eq!(ask(host).unwrap_err().status, 403, "{host}");
        }
        assert!(access.identify(&HeaderMap::new(), HERE).is_ok());
    }

    #[test]
    fn each_client_has_a_rate_of_its_own() {
        let rate = Rate::new(2);
        let start = Instant::now();
        let (a, b) = (Client::Token(0), Client::Address(HERE));
        assert!(rate.take(a, start).is_ok());
        assert!(rate.take(a, start).is_ok());
        let refusal = rate.take(a, start).unwrap_err();
        assert_eq!(
            (refusal.status.as_u16(), refusal.retry_after_s),
            (429, Some(1))
        );
        assert!(rate.take(b, start).is_ok());
        assert!(rate.take(a, start + Duration::from_millis(600)).is_ok());
        assert!(rate.take(a, start + Duration::from_millis(700)).is_err());
    }

    #[test]
    fn the_number_of_clients_followed_is_bounded() {
        let rate = Rate::new(1);
        let start = Instant::now();
        for at in 0..CLIENTS_MAX {
            assert!(rate.take(Client::Token(at), start).is_ok());
        }
        assert!(rate.take(Client::Token(CLIENTS_MAX), start).is_err());
        let later = start + Duration::from_secs(2);
        assert!(rate.take(Client::Token(CLIENTS_MAX), later).is_ok());
        assert_eq!(rate.buckets.lock().unwrap().len(), 1);
    }
}
