//! `touchstone logits`: the engine's own numbers, for comparing with a reference.

use crate::args::LogitsArgs;
use crate::{input, json, place};
use engine::Placement;
use std::path::Path;
use studio::checkpoints;
use studio::view::Failure;

pub fn logits(args: &LogitsArgs) -> Result<(), Failure> {
    let pebble = checkpoints::pebble(Path::new("."));
    let placement = Placement {
        device: place::device().unwrap_or_default(),
        pebble: pebble.as_deref(),
        numerics: args.numerics.into(),
        kept: None,
    };
    let logits = engine::last_logits_at(&args.model, &args.tokens, placement)
        .map_err(|error| input(error.to_string()))?;
    if args.json {
        println!("{}", json::logits(&logits)?);
        return Ok(());
    }
    let mut order: Vec<usize> = (0..logits.len()).collect();
    order.sort_by(|a, b| logits[*b].total_cmp(&logits[*a]).then(a.cmp(b)));
    println!("{:>8}  {:>12}", "token", "logit");
    for id in order.into_iter().take(10) {
        println!("{id:>8}  {:>12.6}", logits[id]);
    }
    Ok(())
}
