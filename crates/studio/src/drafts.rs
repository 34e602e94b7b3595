//! Where drafts come from: what the policy's newest earlier run said about the same case.
//! After an edit most of a rationale stays as it was, and a draft lets the engine verify
//! that instead of writing it anew. A draft changes no outcome, so none is ever required.

use crate::studio::Studio;
use crate::view::Failure;
use engine::Draft;
use std::collections::HashMap;
use store::{Run, RunCase};

/// How far back a run is looked for.
const RECENT_MAX: u32 = 20;

/// By the fingerprint of the case.
pub(crate) type Drafts = HashMap<String, Draft>;

pub(crate) async fn drafts(studio: &Studio, run: &Run) -> Result<Drafts, Failure> {
    let runs = studio.store().runs(&run.policy, RECENT_MAX).await?;
    let earlier = runs.into_iter().find(|earlier| {
        earlier.run < run.run
            && earlier.model.digest == run.model.digest
            && earlier.settings.effort == run.settings.effort
    });
    let Some(earlier) = earlier else {
        return Ok(Drafts::new());
    };
    let cases = studio.store().run_cases(earlier.run).await?;
    Ok(cases.into_iter().filter_map(draft).collect())
}

fn draft(case: RunCase) -> Option<(String, Draft)> {
    let outcome = case.outcome?;
    let draft = Draft {
        analysis: outcome.trace,
        answer: outcome.answer,
    };
    // A reply that was cut off or broken is no model for another.
    outcome
        .unparsed_reason
        .is_none()
        .then_some((case.fingerprint, draft))
}
