//! What is sent: one request in the words of each kind of server.

use crate::api::{Api, Effort, Kind, Prefix, Request, Sampling};
use crate::endpoint::Endpoint;
use crate::harmony;
use serde_json::{Map, Value, json};

/// Of the likely tokens at each place, so many are asked for; every server allows ten.
const LIKELY: u32 = 10;

/// What this server was found to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Habits {
    pub kind: Kind,
    pub api: Api,
    /// Takes the effort as a field; else it goes into the system message.
    pub effort_field: bool,
    pub logprobs: bool,
    pub usage: bool,
    pub max_completion_tokens: bool,
}

impl Habits {
    pub(crate) fn new(kind: Kind, api: Api, endpoint: &Endpoint) -> Habits {
        Habits {
            kind,
            api,
            effort_field: true,
            logprobs: true,
            usage: true,
            max_completion_tokens: endpoint.host() == "api.openai.com",
        }
    }

    /// Gives up what a refusal names; whether there was such a thing.
    pub(crate) fn yield_to(&mut self, refusal: &str) -> bool {
        let refusal = refusal.to_lowercase();
        let named = |word: &str| refusal.contains(word);
        let yielded = |flag: &mut bool, named: bool| {
            let gives = *flag && named;
            *flag &= !gives;
            gives
        };
        if named("max_completion_tokens") && !self.max_completion_tokens {
            self.max_completion_tokens = true;
            return true;
        }
        yielded(&mut self.logprobs, named("logprobs"))
            || yielded(
                &mut self.effort_field,
                named("reasoning_effort")
                    || named("reasoning effort")
                    || self.api == Api::Responses && named("reasoning"),
            )
            || yielded(&mut self.usage, named("stream_options"))
    }

    /// Whether a control marker in a text stays text: these encode messages with harmony,
    /// others fill a template and then read markers wherever they stand.
    pub(crate) fn keeps_markers_apart(&self) -> bool {
        self.api == Api::Chat && matches!(self.kind, Kind::Vllm | Kind::Touchstone)
    }

    pub(crate) fn path(&self) -> &'static str {
        match self.api {
            Api::Chat => "chat/completions",
            Api::Responses => "responses",
            Api::Completions => "completions",
        }
    }

    pub(crate) fn body(&self, model: &str, prefix: &Prefix, request: &Request) -> Value {
        let mut body = Map::new();
        body.insert("model".into(), model.into());
        match self.api {
            Api::Chat => self.chat(&mut body, prefix, request),
            Api::Responses => self.responses(&mut body, prefix, request),
            Api::Completions => self.raw(&mut body, prefix, request),
        }
        body.insert("stream".into(), true.into());
        if self.usage && self.api != Api::Responses {
            body.insert("stream_options".into(), json!({"include_usage": true}));
        }
        let bound = if self.api == Api::Responses {
            "max_output_tokens"
        } else if self.max_completion_tokens {
            "max_completion_tokens"
        } else {
            "max_tokens"
        };
        body.insert(bound.into(), request.tokens_max.into());
        match request.sampling {
            Sampling::Greedy => {
                body.insert("temperature".into(), 0.into());
            }
            Sampling::Seeded {
                seed,
                temperature,
                top_p,
            } => {
                body.insert("temperature".into(), temperature.into());
                body.insert("top_p".into(), top_p.into());
                // `/responses` has no seed by the book, so strangers would refuse one there.
                if self.api != Api::Responses || self.kind != Kind::Other {
                    // Some servers read a seed as a signed number.
                    body.insert("seed".into(), (seed & 0x7fff_ffff).into());
                }
            }
        }
        if self.kind == Kind::LlamaServer {
            body.insert("cache_prompt".into(), true.into());
        }
        Value::Object(body)
    }

    /// Everything that cases share stands first, so that the server's prefix cache holds it.
    fn chat(&self, body: &mut Map<String, Value>, prefix: &Prefix, request: &Request) {
        let policy = bare(prefix);
        let role = match self.kind {
            // Only here is "developer" a role that reaches the model as such.
            Kind::Vllm | Kind::Touchstone => "developer",
            Kind::LlamaServer | Kind::Ollama | Kind::LmStudio | Kind::Other => "system",
        };
        let mut messages = vec![json!({"role": role, "content": policy})];
        let effort = prefix.effort.word();
        if self.effort_field {
            body.insert("reasoning_effort".into(), effort.into());
            if self.kind == Kind::LlamaServer {
                let arguments = json!({"reasoning_effort": effort});
                body.insert("chat_template_kwargs".into(), arguments);
            }
        } else {
            let line = format!("Reasoning: {effort}\n\n{policy}");
            messages = vec![json!({"role": role, "content": line})];
        }
        if policy.is_empty() {
            messages.clear();
        }
        messages.push(json!({"role": "user", "content": request.user}));
        body.insert("messages".into(), messages.into());
        if self.logprobs {
            body.insert("logprobs".into(), true.into());
            body.insert("top_logprobs".into(), LIKELY.into());
        }
    }

    fn responses(&self, body: &mut Map<String, Value>, prefix: &Prefix, request: &Request) {
        let policy = bare(prefix);
        let effort = prefix.effort.word();
        let instructions = if self.effort_field {
            body.insert("reasoning".into(), json!({"effort": effort}));
            policy.to_owned()
        } else {
            format!("Reasoning: {effort}\n\n{policy}")
        };
        if !policy.is_empty() {
            body.insert("instructions".into(), instructions.into());
        }
        let message = json!({"type": "message", "role": "user", "content": request.user});
        body.insert("input".into(), json!([message]));
        // Otherwise hosted services keep what was asked for weeks.
        body.insert("store".into(), false.into());
        if self.logprobs {
            body.insert("include".into(), json!(["message.output_text.logprobs"]));
            body.insert("top_logprobs".into(), LIKELY.into());
        }
    }

    fn raw(&self, body: &mut Map<String, Value>, prefix: &Prefix, request: &Request) {
        let prompt = harmony::prompt(prefix, &request.user);
        body.insert("prompt".into(), prompt.into());
        body.insert("stop".into(), json!(["<|return|>", "<|call|>"]));
        if self.kind == Kind::Vllm {
            // Otherwise the channels' markers are cut out and the reply cannot be read.
            body.insert("skip_special_tokens".into(), false.into());
        }
        if self.logprobs {
            body.insert("logprobs".into(), LIKELY.into());
        }
    }
}

/// The policy alone: templates and harmony encoders write the heading themselves.
fn bare(prefix: &Prefix) -> &str {
    prefix
        .developer
        .strip_prefix(harmony::HEADING)
        .unwrap_or(&prefix.developer)
}

/// A request that costs next to nothing and holds nothing of anyone's.
pub(crate) fn greeting(kind: Kind) -> (Prefix, Request) {
    let developer = match kind {
        // It has a policy of its own and takes no other instructions.
        Kind::Touchstone => "",
        Kind::Vllm | Kind::LlamaServer | Kind::Ollama | Kind::LmStudio | Kind::Other => {
            "Answer with one word."
        }
    };
    let prefix = Prefix {
        effort: Effort::Low,
        system: "Reasoning: low".to_owned(),
        developer: developer.to_owned(),
    };
    let request = Request {
        user: "Hello".to_owned(),
        sampling: Sampling::Greedy,
        tokens_max: 16,
        over: vec![],
        under: vec![],
    };
    (prefix, request)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn body(kind: Kind, api: Api, change: impl Fn(&mut Habits)) -> Value {
        let (endpoint, _) = Endpoint::parse("http://127.0.0.1:1").unwrap();
        let mut habits = Habits::new(kind, api, &endpoint);
        change(&mut habits);
        let prefix = Prefix {
            effort: Effort::High,
            system: "S".to_owned(),
            developer: "# Instructions\n\nP".to_owned(),
        };
        let request = Request {
            user: "U".to_owned(),
            sampling: Sampling::Seeded {
                seed: u64::MAX,
                temperature: 1.0,
                top_p: 0.9,
            },
            tokens_max: 9,
            over: vec![],
            under: vec![],
        };
        habits.body("m", &prefix, &request)
    }

    #[test]
    fn each_server_is_told_the_effort_in_its_way() {
        let vllm = body(Kind::Vllm, Api::Chat, |_| {});
        assert_eq!(vllm["reasoning_effort"], "high");
        assert_eq!(
            vllm["messages"][0],
            json!({"role": "developer", "content": "P"})
        );
        assert_eq!(vllm["messages"][1], json!({"role": "user", "content": "U"}));
        let llama = body(Kind::LlamaServer, Api::Chat, |_| {});
        assert_eq!(llama["chat_template_kwargs"]["reasoning_effort"], "high");
        assert_eq!(llama["messages"][0]["role"], "system");
        let other = body(Kind::Other, Api::Chat, |habits| {
            assert!(habits.yield_to("Unknown parameter: 'reasoning_effort'"));
            assert!(!habits.yield_to("Unknown parameter: 'reasoning_effort'"));
        });
        assert!(other.get("reasoning_effort").is_none());
        assert_eq!(other["messages"][0]["content"], "Reasoning: high\n\nP");
        assert_eq!(other["seed"], 0x7fff_ffff);
    }

    #[test]
    fn responses_keep_nothing_and_have_the_policy_as_instructions() {
        let strict = body(Kind::Other, Api::Responses, |_| {});
        assert_eq!(strict["instructions"], "P");
        assert_eq!(strict["input"][0]["content"], "U");
        assert_eq!(strict["reasoning"], json!({"effort": "high"}));
        assert_eq!(
            (&strict["store"], &strict["max_output_tokens"]),
            (&json!(false), &json!(9))
        );
        assert_eq!(strict["include"][0], "message.output_text.logprobs");
        for absent in ["messages", "seed", "stream_options", "max_tokens"] {
            assert!(strict.get(absent).is_none(), "{absent}");
        }
        let known = body(Kind::Vllm, Api::Responses, |habits| {
            assert!(habits.yield_to("Unsupported parameter: 'reasoning.effort'"));
            assert!(habits.yield_to("logprobs are not supported with this model"));
        });
        assert_eq!(known["instructions"], "Reasoning: high\n\nP");
        assert_eq!(known["seed"], 0x7fff_ffff);
        assert!(known.get("include").is_none() && known.get("reasoning").is_none());
    }

    #[test]
    fn raw_completions_get_our_own_prompt() {
        let raw = body(Kind::Vllm, Api::Completions, |_| {});
        assert_eq!(
            raw["prompt"],
            "<|start|>system<|message|>S<|end|><|start|>developer<|message|># Instructions\n\nP<|end|>\
             <|start|>user<|message|>U<|end|><|start|>assistant"
        );
        assert_eq!(raw["skip_special_tokens"], false);
        assert!(raw.get("messages").is_none());
    }
}
