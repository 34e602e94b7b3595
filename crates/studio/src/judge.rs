//! Who judges: the engine, a model on a server, or a replay of prepared replies.

use domain::run::{Numerics, Server, Settings};
use engine::{Cancel, Engine, Event, GenerateError, Incoming, ModelInfo, Prefix, Request};

/// How many requests a judge that cannot admit later ones is given in one call.
const TOGETHER_MAX: usize = 16;

pub trait Judge: Send + Sync {
    fn info(&self) -> &ModelInfo;

    /// Tokens of the prompt; zero where the judge cannot count them.
    fn prompt_tokens(&self, prefix: &Prefix, user: &str) -> u32;

    /// What the judge's server says of itself; nothing where there is none.
    fn server(&self) -> Option<&Server> {
        None
    }

    /// How the engine multiplies; a server's numbers are its own.
    fn numerics(&self) -> Numerics {
        match self.info().numerics {
            engine::Numerics::Exact => Numerics::Exact,
            engine::Numerics::Fast => Numerics::Fast,
        }
    }

    /// Why a run cannot be gone on with: its model, or its numerics, are others.
    fn differs(&self, model: &store::Model, settings: &Settings) -> Option<String> {
        if self.info().digest != model.digest {
            let digest = model.digest.get(..12).unwrap_or(&model.digest);
            return Some(format!(
                "the model {} ({digest}…), which is not the selected one. Select that model",
                model.name
            ));
        }
        (self.numerics() != settings.numerics).then(|| {
            format!(
                "{} numerics, and the model was loaded for {} ones. Give --numerics {0}, or \
                 numerics = \"{0}\" in touchstone.toml,",
                settings.numerics.name(),
                self.numerics().name()
            )
        })
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

    /// As `Engine::generate_from`. A judge that cannot admit requests between two steps
    /// answers those that have come, then those that came meanwhile.
    fn generate_from(
        &self,
        prefix: &Prefix,
        next: &mut dyn FnMut() -> Option<Incoming>,
        cancel: &Cancel,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<(), GenerateError> {
        let mut first = 0;
        loop {
            let together: Vec<Request> = std::iter::from_fn(&mut *next)
                .take(TOGETHER_MAX)
                .map(|incoming| incoming.request)
                .collect();
            if together.is_empty() {
                return Ok(());
            }
            let ended = self.generate(prefix, &together, cancel, &mut |event| {
                on_event(after(event, first));
            });
            ended.map_err(|error| match error {
                GenerateError::Unanswered(missing) => {
                    let shifted = missing.into_iter().map(|(index, why)| (first + index, why));
                    GenerateError::Unanswered(shifted.collect())
                }
                other => other,
            })?;
            first += together.len();
        }
    }
}

/// The event, its request counted from the first of all calls.
fn after(event: Event, first: usize) -> Event {
    match event {
        Event::PrefixReady { .. } => event,
        Event::Text {
            index,
            channel,
            text,
        } => Event::Text {
            index: first + index,
            channel,
            text,
        },
        Event::Restarted { index } => Event::Restarted {
            index: first + index,
        },
        Event::Preview { index, margin } => Event::Preview {
            index: first + index,
            margin,
        },
        Event::Finished { index, reply } => Event::Finished {
            index: first + index,
            reply,
        },
    }
}

/// The engine's own word for it.
pub(crate) fn of_engine(numerics: Numerics) -> engine::Numerics {
    match numerics {
        Numerics::Exact => engine::Numerics::Exact,
        Numerics::Fast => engine::Numerics::Fast,
    }
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

    fn generate_from(
        &self,
        prefix: &Prefix,
        next: &mut dyn FnMut() -> Option<Incoming>,
        cancel: &Cancel,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<(), GenerateError> {
        Engine::generate_from(self, prefix, next, cancel, on_event)
    }
}
