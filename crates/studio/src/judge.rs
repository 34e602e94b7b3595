//! Who judges: the engine, a model on a server, or a replay of prepared replies.

use domain::run::Server;
use engine::{Cancel, Engine, Event, GenerateError, ModelInfo, Prefix, Request};

pub trait Judge: Send + Sync {
    fn info(&self) -> &ModelInfo;

    /// Tokens of the prompt; zero where the judge cannot count them.
    fn prompt_tokens(&self, prefix: &Prefix, user: &str) -> u32;

    /// What the judge's server says of itself; nothing where there is none.
    fn server(&self) -> Option<&Server> {
        None
    }

    /// Whether a server says that its model is the demonstration model.
    fn is_demonstration(&self) -> bool {
        false
    }

    /// As `Engine::generate`: blocking, events in order, stops within a step of `cancel`.
    fn generate(
        &self,
        prefix: &Prefix,
        requests: &[Request],
        cancel: &Cancel,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<(), GenerateError>;
}

impl Judge for Engine {
    fn info(&self) -> &ModelInfo {
        Engine::info(self)
    }

    fn prompt_tokens(&self, prefix: &Prefix, user: &str) -> u32 {
        Engine::prompt_tokens(self, prefix, user)
    }

    fn generate(
        &self,
        prefix: &Prefix,
        requests: &[Request],
        cancel: &Cancel,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<(), GenerateError> {
        Engine::generate(self, prefix, requests, cancel, on_event)
    }
}
