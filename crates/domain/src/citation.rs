//! Citations: spans of a trace that name clauses.

use crate::policy::Clause;
use crate::run::Citation;

/// Every span of `trace` that names a clause of the policy, and every span that looks
/// like a clause code of the policy's style but names none (`clause` absent then).
pub fn find(_trace: &str, _clauses: &[Clause]) -> Vec<Citation> {
    todo!()
}
