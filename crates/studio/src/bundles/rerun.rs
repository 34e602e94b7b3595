//! The conformance vectors judged again: the bundle's policy, settings and cases by the
//! model of this machine, outside any run of the workspace.

use super::{OnProgress, tell};
use crate::evaluate::{check_length, prefix};
use crate::stream::{outcome, request};
use crate::studio::Studio;
use crate::view::{BundleStep, Divergence, Failure, Judgement, RerunReport};
use bundle::Contents;
use domain::case::Case;
use domain::policy::parse;
use domain::prompt;
use domain::run::Outcome;
use engine::{Event, GenerateError};
use tokio::sync::mpsc;

const EVENTS_MAX: usize = 1024;

impl Studio {
    /// Cancels whatever is being evaluated, as an evaluation would.
    pub(super) async fn rerun(
        &self,
        contents: &Contents,
        cases: &[Case],
        any_model: bool,
        on_progress: OnProgress<'_>,
    ) -> Result<RerunReport, Failure> {
        let turn = self.turns().begin();
        let cancelled = || Failure {
            code: crate::view::Code::Cancelled,
            message: "The cases were not judged again: it was cancelled.".to_owned(),
        };
        let idle = turn.or_cancelled(self.turns().idle()).await;
        let _running = idle.ok_or_else(cancelled)?;
        let ready = turn.or_cancelled(self.model().ready()).await;
        let ready = ready.ok_or_else(cancelled)??;
        let info = ready.judge.info().clone();
        let same_model = info.digest == contents.run.model_digest;
        if !same_model && !any_model {
            return Err(Failure::input(format!(
                "The bundle was judged by {} ({}…), and the selected model is {} ({}…). Select \
                 that model, or say that another may judge.",
                contents.run.model_name,
                short(&contents.run.model_digest),
                info.name,
                short(&info.digest)
            )));
        }
        let settings = &contents.run.settings;
        if settings.template_version != prompt::TEMPLATE_VERSION {
            return Err(Failure::input(format!(
                "The bundle's prompts are of template version {}; this Touchstone renders {}. Judge \
                 it again with the version that made it.",
                settings.template_version,
                prompt::TEMPLATE_VERSION
            )));
        }
        if ready.judge.numerics() != settings.numerics {
            return Err(Failure::input(format!(
                "The bundle was judged with {0} numerics. Give --numerics {0}.",
                settings.numerics.name()
            )));
        }
        let policy = parse(contents.policy_text.as_bytes())
            .map_err(|error| Failure::input(format!("The bundle's policy: {error}")))?;
        let prefix = prefix(&policy, settings.effort);
        check_length("The bundle's policy", &prefix, &ready)?;
        let sides = prompt::alternatives(&policy.output);
        let requests: Vec<_> = cases
            .iter()
            .map(|case| request(case, settings, &sides, None))
            .collect();
        let total = requests.len() as u32;
        tell(on_progress, BundleStep::Judging, 0, total);
        let (sender, mut events) = mpsc::channel(EVENTS_MAX);
        let (judge, cancel) = (ready.judge.clone(), turn.flag().clone());
        let engine = tokio::task::spawn_blocking(move || {
            judge.generate(&prefix, &requests, &cancel, &mut |event| {
                if sender.blocking_send(event).is_err() {
                    cancel.cancel();
                }
            })
        });
        let mut outcomes: Vec<Option<Outcome>> = vec![None; cases.len()];
        let mut done = 0;
        while let Some(event) = events.recv().await {
            if let Event::Finished { index, reply } = event {
                let case = cases[index].id.clone();
                let read = outcome(case, reply, &policy.output, info.context_tokens);
                outcomes[index] = Some(read);
                done += 1;
                tell(on_progress, BundleStep::Judging, done, total);
            }
        }
        let ended = engine.await.map_err(|error| {
            Failure::internal(format!("The engine stopped unexpectedly: {error}"))
        })?;
        let now: Vec<Outcome> = outcomes.into_iter().flatten().collect();
        if now.len() < cases.len() {
            return Err(match ended {
                Ok(()) | Err(GenerateError::Cancelled) => cancelled(),
                Err(error) => Failure::model(error.to_string()),
            });
        }
        Ok(compare(contents, &now, same_model, info))
    }
}

fn compare(
    contents: &Contents,
    now: &[Outcome],
    same_model: bool,
    info: engine::ModelInfo,
) -> RerunReport {
    let divergences: Vec<Divergence> = contents
        .outcomes
        .iter()
        .zip(now)
        .filter(|(before, now)| before.verdict != now.verdict || before.label != now.label)
        .map(|(before, now)| Divergence {
            case: before.case.clone(),
            recorded: judgement(before),
            now: judgement(now),
        })
        .collect();
    RerunReport {
        model_name: info.name,
        model_digest: info.digest,
        same_model,
        vectors: now.len() as u32,
        equal: (now.len() - divergences.len()) as u32,
        divergences,
    }
}

fn judgement(outcome: &Outcome) -> Judgement {
    Judgement {
        verdict: outcome.verdict,
        label: outcome.label.clone(),
        margin: outcome.margin,
    }
}

fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}
