//! Which server it is, and what it says of its version and its model. Only `GET`s of
//! documents that servers show to anyone, and Ollama's `show`.

use crate::api::{Api, Identity, Kind, Limits, Listed};
use crate::client::Line;
use crate::fault::Fault;
use crate::stream::{document, glimpse};
use crate::wire::ModelList;
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use std::time::Duration;

/// A server that keeps its own documents answers at once.
const PROBE: Duration = Duration::from_secs(5);

pub(crate) async fn models(line: &Line) -> Result<Vec<Listed>, Fault> {
    line.patiently(|| list(line)).await
}

async fn list(line: &Line) -> Result<Vec<Listed>, Fault> {
    let response = line.send(line.get(line.endpoint.at("models"))).await?;
    let body = document(response, line.host(), &line.limits).await?;
    let list: ModelList =
        serde_json::from_slice(&body).map_err(|_| Fault::Foreign(glimpse(&body)))?;
    let entries = list.data.into_iter().map(|entry| {
        let ours = entry.touchstone.as_ref();
        Listed {
            context_tokens: ours
                .map(|ours| ours.context_tokens)
                .or(entry.max_model_len)
                .or(entry.context_window)
                .or(entry.meta.as_ref().and_then(|meta| meta.n_ctx)),
            quantization: entry.meta.and_then(|meta| meta.ftype),
            digest: ours.map(|ours| ours.model.digest.clone()),
            demonstration: ours.is_some_and(|ours| ours.model.demonstration),
            // Our engine repeats itself bit by bit, whatever else the server does.
            repeats: ours.is_some_and(|ours| ours.settings.server.is_none()),
            id: entry.id,
            owner: entry.owned_by,
        }
    });
    Ok(entries.collect())
}

/// What can be found out; a server that says nothing of itself is `Other`.
pub(crate) async fn identify(line: &Line, model: &str, listed: &[Listed], api: Api) -> Identity {
    let entry = listed.iter().find(|entry| entry.id == model);
    let mut identity = Identity {
        url: line.endpoint.to_string(),
        kind: Kind::Other,
        api,
        model: model.to_owned(),
        answers_as: None,
        version: None,
        fingerprint: None,
        quantization: entry.and_then(|entry| entry.quantization.clone()),
        digest: entry.and_then(|entry| entry.digest.clone()),
        context_tokens: entry.and_then(|entry| entry.context_tokens),
        demonstration: entry.is_some_and(|entry| entry.demonstration),
        repeats: entry.is_some_and(|entry| entry.repeats),
    };
    match entry.and_then(|entry| entry.owner.as_deref()) {
        Some("touchstone") => identity.kind = Kind::Touchstone,
        Some("vllm") => vllm(line, &mut identity).await,
        Some("llamacpp") => llama_server(line, &mut identity).await,
        // These name no owner of their own.
        _ => {
            lm_studio(line, &mut identity).await;
            if identity.kind == Kind::Other {
                ollama(line, &mut identity).await;
            }
        }
    }
    identity
}

async fn vllm(line: &Line, identity: &mut Identity) {
    identity.kind = Kind::Vllm;
    let said = ask(line, line.get(line.endpoint.beside("version"))).await;
    identity.version = text(said.as_ref(), &["version"]);
}

async fn llama_server(line: &Line, identity: &mut Identity) {
    identity.kind = Kind::LlamaServer;
    let said = ask(line, line.get(line.endpoint.beside("props"))).await;
    let said = said.as_ref();
    identity.version = text(said, &["build_info"]);
    identity.context_tokens = said
        .and_then(|said| said.pointer("/default_generation_settings/n_ctx")?.as_u64())
        .and_then(|tokens| u32::try_from(tokens).ok())
        .or(identity.context_tokens);
}

async fn lm_studio(line: &Line, identity: &mut Identity) {
    let Some(said) = ask(line, line.get(line.endpoint.beside("api/v0/models"))).await else {
        return;
    };
    let Some(entries) = said.get("data").and_then(Value::as_array) else {
        return;
    };
    identity.kind = Kind::LmStudio;
    let own = entries
        .iter()
        .find(|entry| entry.get("id").and_then(Value::as_str) == Some(&identity.model));
    identity.quantization = text(own, &["quantization"]);
    identity.context_tokens = own
        .and_then(|own| {
            own.get("loaded_context_length")
                .or(own.get("max_context_length"))?
                .as_u64()
        })
        .and_then(|tokens| u32::try_from(tokens).ok())
        .or(identity.context_tokens);
}

async fn ollama(line: &Line, identity: &mut Identity) {
    let Some(said) = ask(line, line.get(line.endpoint.beside("api/version"))).await else {
        return;
    };
    let Some(version) = text(Some(&said), &["version"]) else {
        return;
    };
    identity.kind = Kind::Ollama;
    identity.version = Some(version);
    let body = json!({"model": identity.model});
    let said = ask(line, line.post(line.endpoint.beside("api/show"), &body)).await;
    identity.quantization = text(said.as_ref(), &["details", "quantization_level"]);
    let tags = ask(line, line.get(line.endpoint.beside("api/tags"))).await;
    let models = tags
        .as_ref()
        .and_then(|tags| tags.get("models")?.as_array());
    let own = models.into_iter().flatten().find(|entry| {
        ["name", "model"]
            .iter()
            .any(|field| text(Some(entry), &[field]).as_deref() == Some(&identity.model))
    });
    identity.digest = text(own, &["digest"]);
}

async fn ask(line: &Line, builder: RequestBuilder) -> Option<Value> {
    let limits = Limits {
        idle: PROBE.min(line.limits.idle),
        ..line.limits.clone()
    };
    let asking = async {
        let response = line.send(builder).await.ok()?;
        let body = document(response, line.host(), &limits).await.ok()?;
        serde_json::from_slice(&body).ok()
    };
    tokio::time::timeout(limits.idle, asking).await.ok()?
}

fn text(value: Option<&Value>, path: &[&str]) -> Option<String> {
    let mut value = value?;
    for name in path {
        value = value.get(name)?;
    }
    Some(value.as_str()?.to_owned()).filter(|text| !text.is_empty())
}
