//! Times an engine: `speed DIR [CASES] [TOKENS_MAX] [PREFIX_WORDS]`: cold, warm, and warm with
//! the replies themselves as drafts. Prints what it answers first, so that one sees what was
//! timed.

use engine::{Alternatives, Cancel, Draft, Effort, Engine, Event, Prefix, Request, Sampling};
use std::path::Path;
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let dir = arguments
        .first()
        .ok_or("usage: speed DIR [CASES] [TOKENS_MAX] [PREFIX_WORDS]")?;
    let number = |i: usize, default: u32| match arguments.get(i) {
        Some(text) => text.parse().map_err(|e| format!("{text}: {e}")),
        None => Ok(default),
    };
    let (cases, tokens_max, words) = (number(1, 50)?, number(2, 80)?, number(3, 150)?);
    let started = Instant::now();
    let engine = Engine::load(Path::new(dir))?;
    println!(
        "load {:.0} ms; {:?}",
        started.elapsed().as_secs_f64() * 1e3,
        engine.info()
    );
    let developer = format!(
        "# Instructions\n\n{}",
        "Never sell tobacco here. ".repeat(words as usize / 4)
    );
    let prefix = Prefix {
        effort: Effort::Low,
        developer,
    };
    let mut requests: Vec<Request> = (0..cases)
        .map(|i| Request {
            user: format!("Case {i}: I have two cartons left, fresh from the shop, write to me."),
            sampling: Sampling::Greedy,
            tokens_max,
            alternatives: Alternatives::default(),
            draft: None,
        })
        .collect();
    for run in ["cold", "warm", "drafted"] {
        let mut replies = requests.clone();
        let started = Instant::now();
        let (mut generated, mut prompt, mut first) = (0, 0, None);
        engine.generate(
            &prefix,
            &requests,
            &Cancel::default(),
            &mut |event| match event {
                Event::PrefixReady {
                    tokens,
                    reused,
                    elapsed_ms,
                } => {
                    println!(
                        "{run}: prefix of {tokens} tokens, {reused} reused, {elapsed_ms:.1} ms"
                    );
                }
                Event::Text { .. } | Event::Preview { .. } | Event::Restarted { .. } => {}
                Event::Finished { index, reply } => {
                    generated += reply.generated_tokens;
                    prompt += reply.prompt_tokens - reply.reused_tokens;
                    replies[index].draft = Some(Draft {
                        analysis: reply.analysis.clone(),
                        answer: reply.answer.clone().unwrap_or_default(),
                    });
                    first.get_or_insert_with(|| started.elapsed().as_secs_f64() * 1e3);
                    if index == 0 && run == "cold" {
                        println!("{reply:?}");
                    }
                }
            },
        )?;
        if run == "warm" {
            requests = replies;
        }
        let seconds = started.elapsed().as_secs_f64();
        println!(
            "{run}: {generated} tokens generated, {prompt} read, {:.0} ms in all, first reply after {:.0} ms, {:.0} tokens/s",
            seconds * 1e3,
            first.unwrap_or_default(),
            f64::from(generated) / seconds
        );
    }
    Ok(())
}
