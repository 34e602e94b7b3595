//! Where a server is: its address, whether that is this machine, and whether the way
//! there is encrypted. Keys have no place in it.

use reqwest::Url;
use std::fmt;

/// The base of a server's interface, such as `http://127.0.0.1:8000/v1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    base: Url,
}

impl Endpoint {
    /// Whether a model's id is an address and not a folder or a name.
    pub fn is_address(text: &str) -> bool {
        text.starts_with("http://") || text.starts_with("https://")
    }

    /// Reads `http://host:port/v1#model`; the model may be left out. Without a path,
    /// `/v1` is meant.
    pub fn parse(text: &str) -> Result<(Endpoint, Option<String>), String> {
        let mut base = Url::parse(text.trim())
            .map_err(|error| format!("{} is no address: {error}.", shown(text)))?;
        let said = |what: &str| Err(format!("{} {what}", shown(text)));
        if !matches!(base.scheme(), "http" | "https") {
            return said("begins with neither http:// nor https://.");
        }
        if base.host_str().is_none_or(str::is_empty) {
            return said("names no host.");
        }
        if !base.username().is_empty() || base.password().is_some() {
            return said(
                "holds a user name or a password. Take it out and store the key with \
                 `touchstone server key`.",
            );
        }
        if base.query().is_some() {
            return said("has a query (?…). Give the address alone; keys are stored apart.");
        }
        let model = base.fragment().map(decoded).filter(|id| !id.is_empty());
        base.set_fragment(None);
        let path = base.path().trim_end_matches('/');
        let path = ["/chat/completions", "/completions", "/responses", "/models"]
            .iter()
            .find_map(|end| path.strip_suffix(end))
            .unwrap_or(path);
        let path = if path.is_empty() { "/v1" } else { path }.to_owned();
        base.set_path(&path);
        Ok((Endpoint { base }, model))
    }

    /// The address with its model: what names this model everywhere.
    pub fn with_model(&self, model: &str) -> String {
        format!("{self}#{model}")
    }

    /// The host's name, lower case, without a port: what consent is given to.
    pub fn host(&self) -> &str {
        self.base.host_str().unwrap_or_default()
    }

    /// Scheme, host and port: what a key belongs to.
    pub fn origin(&self) -> String {
        self.base.origin().ascii_serialization()
    }

    /// Whether what is sent stays on this machine. `localhost` is resolved by us, to the
    /// loopback addresses alone, so no hosts file can lead it elsewhere.
    pub fn is_loopback(&self) -> bool {
        let host = self.host();
        let address = host.trim_start_matches('[').trim_end_matches(']');
        match address.parse::<std::net::IpAddr>() {
            Ok(address) => address.to_canonical().is_loopback(),
            Err(_) => host == "localhost",
        }
    }

    pub fn is_encrypted(&self) -> bool {
        self.base.scheme() == "https"
    }

    /// A path of the interface, such as `chat/completions`.
    pub(crate) fn at(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/{path}", self.base.path()));
        url
    }

    /// A path beside the interface, such as `version`: servers keep what is their own there.
    pub(crate) fn beside(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        let base = self.base.path();
        let root = base.strip_suffix("/v1").unwrap_or(base);
        url.set_path(&format!("{root}/{path}"));
        url
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.base.as_str())
    }
}

/// An address that could not be read may hold a key: only its beginning is repeated.
fn shown(text: &str) -> String {
    let end = text.find(['@', '?', '#']).unwrap_or(text.len());
    let start: String = text[..end].chars().take(80).collect();
    match text.find('@') {
        Some(_) => "the address".to_owned(),
        None => start,
    }
}

/// Undoes the escapes that parsing an address puts into its fragment.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = text
            .get(at + 1..at + 3)
            .filter(|_| bytes[at] == b'%')
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        out.push(escape.unwrap_or(bytes[at]));
        at += if escape.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn check(text: &str, base: &str, model: Option<&str>) {
        let (endpoint, found) = Endpoint::parse(text).unwrap();
        assert_eq!(
            (endpoint.to_string().as_str(), found.as_deref()),
            (base, model)
        );
    }

    #[test]
    fn addresses_are_brought_to_one_form() {
        check(
            "http://127.0.0.1:8000/v1#gpt-oss",
            "http://127.0.0.1:8000/v1",
            Some("gpt-oss"),
        );
        check("http://LOCALHOST:8000", "http://localhost:8000/v1", None);
        check(
            "https://api.example.com/openai/v1/",
            "https://api.example.com/openai/v1",
            None,
        );
        check(
            "https://h.example/v1/chat/completions#openai/gpt-oss:20b 4bit",
            "https://h.example/v1",
            Some("openai/gpt-oss:20b 4bit"),
        );
    }

    #[test]
    fn an_address_with_a_key_is_refused_and_not_repeated() {
        for text in [
            "https://user:sk-secret@h.example/v1",
            "https://sk-secret@h.example/v1",
            "https://h.example/v1?api_key=sk-secret",
            "https://sk-secret@",
        ] {
            let message = Endpoint::parse(text).unwrap_err();
            assert!(!message.contains("sk-secret"), "{message}");
        }
        assert!(Endpoint::parse("ftp://h.example/v1").is_err());
    }

    #[test]
    fn this_machine_is_told_from_others() {
        let loopback = |text| Endpoint::parse(text).unwrap().0.is_loopback();
        for here in [
            "http://localhost:1",
            "http://127.0.0.1",
            "http://127.8.9.1",
            "http://[::1]:8",
        ] {
            assert!(loopback(here), "{here}");
        }
        for there in [
            "http://localhost.example.com",
            "http://127.0.0.1.example.com",
            "http://0.0.0.0:80",
            "http://192.168.0.1",
            "https://api.example.com",
            "http://[2001:db8::1]",
            "http://evil.localhost",
        ] {
            assert!(!loopback(there), "{there}");
        }
    }

    #[test]
    fn paths_are_found_in_and_beside_the_interface() {
        let (endpoint, _) = Endpoint::parse("http://h.example/x/v1").unwrap();
        assert_eq!(
            endpoint.at("models").as_str(),
            "http://h.example/x/v1/models"
        );
        assert_eq!(
            endpoint.beside("version").as_str(),
            "http://h.example/x/version"
        );
        assert_eq!(
            (endpoint.host(), endpoint.origin().as_str()),
            ("h.example", "http://h.example")
        );
    }
}
