//! Who judges: the engine, or a replay of prepared replies.

use engine::{Cancel, Engine, Event, GenerateError, ModelInfo, Prefix, Request};

pub trait Judge: Send + Sync {
    fn info(&self) -> &ModelInfo;

    fn prompt_tokens(&self, prefix: &Prefix, user: &str) -> u32;

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
