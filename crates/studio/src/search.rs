//! Full-text search through everything that was ever answered in the workspace.

use crate::studio::Studio;
use crate::view::{Failure, SearchHit, SearchResult};
use domain::search::{passage, terms};

/// More than anyone reads; who sees that there are more asks more narrowly.
const HITS_MAX: u32 = 200;

impl Studio {
    /// Traces and answers that hold every word and every quoted phrase of the query, newest
    /// first; of one policy, or of all.
    pub async fn search(&self, query: &str, policy: Option<&str>) -> Result<SearchResult, Failure> {
        let terms = terms(query);
        if terms.is_empty() {
            return Err(Failure::input(
                "There is nothing to look for. Give a word, or a \"phrase in quotes\".",
            ));
        }
        let mut found = self.store().search(&terms, policy, HITS_MAX + 1).await?;
        let more = found.len() > HITS_MAX as usize;
        found.truncate(HITS_MAX as usize);
        let hits = found
            .into_iter()
            .map(|found| {
                // Where the trace holds no term, the answer does; the store saw both as one.
                let shown = passage(&found.trace, &terms)
                    .or_else(|| passage(&found.answer, &terms))
                    .unwrap_or_default();
                SearchHit {
                    run: found.run,
                    policy: found.policy,
                    case: found.case,
                    started_at_ms: found.started_at_ms,
                    verdict: found.verdict,
                    label: found.label,
                    passage: shown,
                }
            })
            .collect();
        Ok(SearchResult { hits, more })
    }
}
