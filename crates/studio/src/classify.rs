//! Judging outside of runs: contents as they come, by one policy with one model. The
//! prompt, the settings and the reading of the reply are those of a run, so the verdict is
//! the one that a run gives; nothing is recorded.

use crate::evaluate::{check_length, prefix, tokens_max};
use crate::judge::Judge;
use crate::models::Ready;
use crate::stream;
use crate::studio::Studio;
use crate::view::Failure;
use domain::case::Case;
use domain::policy::{Effort, Policy};
use domain::prompt::{self, Alternatives};
use domain::run::{Outcome, Sampling, Settings};
use engine::{Prefix, Reply, Request};
use std::sync::Arc;

/// A policy and a loaded model that judges by it. Cheap to clone.
#[derive(Clone)]
pub struct Classifier {
    policy: Arc<Policy>,
    settings: Settings,
    prefix: Arc<Prefix>,
    sides: Arc<Alternatives>,
    ready: Ready,
}

impl Studio {
    /// Waits for the model. A policy that leaves no room in the model's context is an
    /// error, which names it as `shown`.
    pub async fn classifier(
        &self,
        shown: &str,
        policy: Policy,
        effort: Effort,
    ) -> Result<Classifier, Failure> {
        let ready = self.model().ready().await?;
        Classifier::new(shown, policy, effort, ready)
    }
}

impl Classifier {
    fn new(
        shown: &str,
        policy: Policy,
        effort: Effort,
        ready: Ready,
    ) -> Result<Classifier, Failure> {
        let prefix = prefix(&policy, effort);
        check_length(shown, &prefix, &ready)?;
        Ok(Classifier {
            sides: Arc::new(prompt::alternatives(&policy.output)),
            prefix: Arc::new(prefix),
            policy: Arc::new(policy),
            settings: settings(effort, &ready),
            ready,
        })
    }

    /// The same model and policy, with another effort.
    pub fn with_effort(&self, effort: Effort) -> Classifier {
        Classifier {
            prefix: Arc::new(prefix(&self.policy, effort)),
            settings: settings(effort, &self.ready),
            ..self.clone()
        }
    }

    /// The same model, with another policy.
    pub fn with_policy(
        &self,
        shown: &str,
        policy: Policy,
        effort: Effort,
    ) -> Result<Classifier, Failure> {
        Classifier::new(shown, policy, effort, self.ready.clone())
    }

    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What all contents share.
    pub fn prefix(&self) -> &Arc<Prefix> {
        &self.prefix
    }

    /// Beginnings of answers on either side.
    pub fn sides(&self) -> &Alternatives {
        &self.sides
    }

    pub fn judge(&self) -> &Arc<dyn Judge> {
        &self.ready.judge
    }

    /// Whether the model is the demonstration model.
    pub fn demonstration(&self) -> bool {
        self.ready.demonstration
    }

    /// What the engine is asked about a case. A run's settings unless `settings` differ in
    /// sampling or bound.
    pub fn request(&self, case: &Case, settings: &Settings) -> Request {
        stream::request(case, settings, &self.sides, None)
    }

    /// Reads a reply as a run reads it.
    pub fn outcome(&self, case: String, reply: Reply) -> Outcome {
        let context_tokens = self.ready.judge.info().context_tokens;
        stream::outcome(case, reply, &self.policy.output, context_tokens)
    }
}

/// The settings that a run has.
fn settings(effort: Effort, ready: &Ready) -> Settings {
    Settings {
        effort,
        template_version: prompt::TEMPLATE_VERSION,
        sampling: Sampling::Greedy,
        tokens_max: tokens_max(effort),
        numerics: ready.judge.numerics(),
        server: ready.judge.server().cloned(),
    }
}
