//! The trust boundary and the servers beyond it: which hosts content may be sent to, which
//! models on servers the workspace knows, and the way to one of them. Nothing is sent to a
//! host, not even a greeting, before somebody allowed it; this machine itself needs no leave.

use crate::judge::Judge;
use crate::remote_judge::RemoteJudge;
use crate::studio::{Studio, now_ms};
use crate::view::{
    Code, Failure, FoundModel, HostView, ServerCheck, ServerOptions, ServerView, Usage,
};
use domain::run::Server;
use remote::{Api, Client, Connect, Endpoint, Fault, Key, Keys, Limits, Listed};
use std::sync::{Arc, Mutex, MutexGuard};
use store::{HostConsent, ServerEntry, Store};

/// More would be a mistake of the person who typed it.
const CONCURRENCY_MAX: u32 = 1024;

/// What the host of the studio (window or terminal) decides about the outside.
#[derive(Debug, Clone, Default)]
pub struct Outside {
    /// Allowed for this process alone, besides those stored in the workspace.
    pub hosts: Vec<String>,
    /// Also without encryption, for those hosts.
    pub plain_http: bool,
    /// Keys of tests; of this person where there are none.
    pub keys: Option<Keys>,
    /// Bounds of tests; the usual ones where there are none.
    pub limits: Option<Limits>,
}

/// The outside as this workspace knows it.
pub(crate) struct Servers {
    store: Store,
    outside: Outside,
    keys: Keys,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    entries: Vec<(String, ServerOptions)>,
    hosts: Vec<HostConsent>,
}

impl Servers {
    pub(crate) async fn open(store: Store, outside: Outside) -> Result<Servers, Failure> {
        let keys = outside.keys.clone().unwrap_or_else(Keys::of_this_person);
        let servers = Servers {
            store,
            outside,
            keys,
            known: Mutex::default(),
        };
        servers.refresh().await?;
        Ok(servers)
    }

    async fn refresh(&self) -> Result<(), Failure> {
        let hosts = self.store.allowed_hosts().await?;
        let entries = self.store.servers().await?;
        let read = |entry: ServerEntry| {
            let options = serde_json::from_str(&entry.options);
            (entry.address, options.unwrap_or_default())
        };
        *self.lock() = Known {
            entries: entries.into_iter().map(read).collect(),
            hosts,
        };
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().expect("no holder of this lock panics")
    }

    /// The addresses that were added to the workspace.
    pub(crate) fn addresses(&self) -> Vec<String> {
        let known = self.lock();
        known
            .entries
            .iter()
            .map(|(address, _)| address.clone())
            .collect()
    }

    fn options(&self, address: &str) -> ServerOptions {
        let known = self.lock();
        // An address without a model means the server's only one.
        let own = format!("{address}#");
        let stands = |known: &str| known == address || known.starts_with(&own);
        let entry = known.entries.iter().find(|(known, _)| stands(known));
        entry
            .map(|(_, options)| options.clone())
            .unwrap_or_default()
    }

    /// Whether this endpoint may be spoken to, and the question to ask where not.
    pub(crate) fn check(&self, endpoint: &Endpoint) -> Result<(), Failure> {
        if endpoint.is_loopback() {
            return Ok(());
        }
        let host = endpoint.host();
        let known = self.lock();
        let stored = known.hosts.iter().find(|consent| consent.host == host);
        let given = self
            .outside
            .hosts
            .iter()
            .any(|given| given.eq_ignore_ascii_case(host));
        let plain_http =
            stored.is_some_and(|consent| consent.plain_http) || given && self.outside.plain_http;
        if stored.is_none() && !given {
            return Err(consent(format!(
                "Policies and cases would leave this machine, for {host}, and nobody has allowed \
                 that in this workspace. Allow it with `touchstone server allow {host}`, for one \
                 run with --allow-host {host}, or in the window when it asks."
            )));
        }
        if !endpoint.is_encrypted() && !plain_http {
            return Err(consent(format!(
                "The way to {host} is not encrypted (http): anyone on it could read and change \
                 policies and cases. Use https, or allow it all the same with `touchstone server \
                 allow {host} --plain-http`, for one run with --allow-host {host} --plain-http."
            )));
        }
        Ok(())
    }

    /// How an address is shown, without asking anyone.
    pub(crate) fn view(&self, address: &str, said: Option<&Server>) -> Option<ServerView> {
        let (endpoint, model) = Endpoint::parse(address).ok()?;
        let leaves_machine = !endpoint.is_loopback();
        let options = self.options(address);
        Some(ServerView {
            options,
            url: endpoint.to_string(),
            host: endpoint.host().to_owned(),
            model,
            leaves_machine,
            encrypted: endpoint.is_encrypted(),
            allowed: self.check(&endpoint).is_ok(),
            stored: self
                .lock()
                .entries
                .iter()
                .any(|(known, _)| known == address),
            software: said.map(|said| said.software.clone()),
            version: said.and_then(|said| said.version.clone()),
            quantization: said.and_then(|said| said.quantization.clone()),
            repeats: said.is_some_and(|said| said.repeats),
        })
    }

    fn limits(&self, options: &ServerOptions) -> Limits {
        let mut limits = self.outside.limits.clone().unwrap_or_default();
        if let Some(concurrency) = options.concurrency {
            limits.concurrency = concurrency.clamp(1, CONCURRENCY_MAX) as usize;
        }
        limits
    }

    /// The keychain may ask the person, so it is asked on a thread that may wait.
    async fn key(&self, endpoint: &Endpoint) -> Result<Option<Key>, Failure> {
        let (keys, origin) = (self.keys.clone(), endpoint.origin());
        let found = blocking(move || keys.get(&origin)).await?;
        Ok(found.map(|(key, place)| {
            tracing::debug!(%place, "a key was found");
            key
        }))
    }

    /// Reaches the model at an address, where that is allowed.
    pub(crate) async fn connect(&self, address: &str) -> Result<Arc<RemoteJudge>, Failure> {
        let (endpoint, model) = Endpoint::parse(address).map_err(Failure::input)?;
        self.check(&endpoint)?;
        let options = self.options(address);
        let ask = Connect {
            key: self.key(&endpoint).await?,
            limits: self.limits(&options),
            api: match (options.raw, options.responses) {
                (true, _) => Api::Completions,
                (false, true) => Api::Responses,
                (false, false) => Api::Chat,
            },
            endpoint,
            model,
        };
        let client = Client::connect(ask).await.map_err(failure)?;
        Ok(Arc::new(RemoteJudge::new(client)))
    }

    async fn models(&self, address: &str) -> Result<Vec<Listed>, Failure> {
        let (endpoint, _) = Endpoint::parse(address).map_err(Failure::input)?;
        self.check(&endpoint)?;
        let key = self.key(&endpoint).await?;
        let limits = self.limits(&ServerOptions::default());
        Client::models(&endpoint, key, limits)
            .await
            .map_err(failure)
    }

    /// What a run has cost, where prices are configured for its server.
    pub(crate) fn usage(&self, server: &Server, prompt: u64, reused: u64, generated: u64) -> Usage {
        let address = format!("{}#{}", server.url, server.model);
        let options = self.options(&address);
        let cost = match (options.price_prompt, options.price_generated) {
            (None, None) => None,
            (prompt_price, generated_price) => {
                let part =
                    |tokens: u64, price: Option<f64>| tokens as f64 / 1e6 * price.unwrap_or(0.0);
                Some(part(prompt, prompt_price) + part(generated, generated_price))
            }
        };
        Usage {
            prompt_tokens: prompt,
            reused_tokens: reused,
            generated_tokens: generated,
            cost,
            currency: cost.and(options.currency),
        }
    }
}

impl Studio {
    /// Adds a model on a server, `http://host:port/v1#model`, or changes how it is spoken to.
    /// Nothing is sent.
    pub async fn add_server(
        &self,
        address: &str,
        options: &ServerOptions,
    ) -> Result<ServerView, Failure> {
        let (endpoint, model) = Endpoint::parse(address).map_err(Failure::input)?;
        let Some(model) = model else {
            return Err(Failure::input(format!(
                "{endpoint} names no model. Give one behind #: {endpoint}#MODEL. `touchstone server \
                 models {endpoint}` lists them."
            )));
        };
        check_options(options)?;
        let address = endpoint.with_model(&model);
        let entry = ServerEntry {
            address: address.clone(),
            options: serde_json::to_string(options).expect("options are plain data"),
        };
        self.store().change_server(&entry, true, now_ms()).await?;
        let servers = self.servers_outside();
        servers.refresh().await?;
        // A connection of another manner is not used again.
        self.model().disconnect();
        servers
            .view(&address, None)
            .ok_or_else(|| Failure::internal("an address that was just read cannot be read"))
    }

    pub async fn remove_server(&self, address: &str) -> Result<(), Failure> {
        let address = normal(address)?;
        if !self.servers_outside().addresses().contains(&address) {
            return Err(Failure::input(format!(
                "{address} is not among this workspace's servers. `touchstone server list` shows them."
            )));
        }
        let entry = ServerEntry {
            address,
            options: "{}".to_owned(),
        };
        self.store().change_server(&entry, false, now_ms()).await?;
        self.servers_outside().refresh().await
    }

    /// The models on servers that were added, with how they are spoken to.
    pub fn server_list(&self) -> Vec<(ServerView, ServerOptions)> {
        let servers = self.servers_outside();
        let entries = servers.lock().entries.clone();
        let view = |(address, options): (String, ServerOptions)| {
            Some((servers.view(&address, None)?, options))
        };
        entries.into_iter().filter_map(view).collect()
    }

    /// The models that a server lists; its host must be allowed.
    pub async fn server_models(&self, address: &str) -> Result<Vec<FoundModel>, Failure> {
        let (endpoint, _) = Endpoint::parse(address).map_err(Failure::input)?;
        let listed = self.servers_outside().models(address).await?;
        let found = |listed: Listed| FoundModel {
            address: endpoint.with_model(&listed.id),
            id: listed.id,
            context_tokens: listed.context_tokens,
        };
        Ok(listed.into_iter().map(found).collect())
    }

    /// Has a model on a server say a word, and tells who answered and how soon.
    pub async fn test_server(&self, address: &str) -> Result<ServerCheck, Failure> {
        let started = std::time::Instant::now();
        let servers = self.servers_outside();
        let judge = servers.connect(address).await?;
        let said = judge.server().expect("a judge on a server has one").clone();
        let address = format!("{}#{}", said.url, said.model);
        let server = servers
            .view(&address, Some(&said))
            .ok_or_else(|| Failure::internal("a server's own address cannot be read"))?;
        Ok(ServerCheck {
            server,
            elapsed_ms: started.elapsed().as_secs_f64() * 1e3,
        })
    }

    /// Stores the key of a server, or removes it; says where it is kept.
    pub async fn set_server_key(
        &self,
        address: &str,
        key: Option<&str>,
    ) -> Result<String, Failure> {
        let (endpoint, _) = Endpoint::parse(address).map_err(Failure::input)?;
        let (keys, origin) = (self.servers_outside().keys.clone(), endpoint.origin());
        let Some(text) = key else {
            let removed = blocking(move || keys.remove(&origin)).await?;
            return Ok(match removed {
                true => format!("The key of {} is removed.", endpoint.origin()),
                false => format!("There was no key of {}.", endpoint.origin()),
            });
        };
        let key = Key::new(text).map_err(|error| Failure::input(error.to_string()))?;
        let place = blocking(move || keys.set(&origin, &key)).await?;
        // A connection made without it, or with another, is not used again.
        self.model().disconnect();
        Ok(format!("The key of {} is in {place}.", endpoint.origin()))
    }

    /// The hosts that content of this workspace may be sent to.
    pub fn allowed_hosts(&self) -> Vec<HostView> {
        let known = self.servers_outside();
        let known = known.lock();
        let view = |consent: &HostConsent| HostView {
            host: consent.host.clone(),
            plain_http: consent.plain_http,
        };
        known.hosts.iter().map(view).collect()
    }

    /// Allows a host for this workspace, or takes that back. Each decision stays on record.
    pub async fn decide_host(
        &self,
        host: &str,
        allowed: bool,
        plain_http: bool,
    ) -> Result<(), Failure> {
        let typed = host.trim().to_lowercase();
        let plain = !typed.is_empty() && !typed.contains(['/', '@', '?', '#', ' ']);
        let parsed = Endpoint::parse(&format!("https://{typed}"));
        let (true, Ok((endpoint, _))) = (plain, parsed) else {
            return Err(Failure::input(format!(
                "{host:?} is no host's name. Give the name alone, such as gpu.example.com."
            )));
        };
        let consent = HostConsent {
            // Without a port: consent is given to a host.
            host: endpoint.host().to_owned(),
            plain_http,
        };
        self.store()
            .decide_host(&consent, allowed, now_ms())
            .await?;
        self.servers_outside().refresh().await
    }
}

fn check_options(options: &ServerOptions) -> Result<(), Failure> {
    if options.raw && options.responses {
        return Err(Failure::input(
            "A server is asked either by raw completions or by responses.",
        ));
    }
    let prices = [options.price_prompt, options.price_generated];
    let bad = |price: &f64| !price.is_finite() || *price < 0.0;
    if prices.iter().flatten().any(bad) {
        return Err(Failure::input(
            "A price is a number from 0, in money for a million tokens.",
        ));
    }
    if options
        .concurrency
        .is_some_and(|n| !(1..=CONCURRENCY_MAX).contains(&n))
    {
        return Err(Failure::input(format!(
            "Requests in flight are 1 to {CONCURRENCY_MAX}."
        )));
    }
    Ok(())
}

/// An address in its one form.
pub(crate) fn normal(address: &str) -> Result<String, Failure> {
    let (endpoint, model) = Endpoint::parse(address).map_err(Failure::input)?;
    Ok(match model {
        Some(model) => endpoint.with_model(&model),
        None => endpoint.to_string(),
    })
}

fn consent(message: String) -> Failure {
    Failure {
        code: Code::Consent,
        message,
    }
}

fn failure(fault: Fault) -> Failure {
    match fault {
        Fault::Input(message) => Failure::input(message),
        other => Failure::model(other.to_string()),
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, remote::KeyError> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Failure::internal(format!("The keychain stopped unexpectedly: {error}")))?
        .map_err(|error| Failure::input(error.to_string()))
}
