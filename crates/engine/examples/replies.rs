//! Answers prepared questions: `replies DIR QUESTIONS OUT`. Each line of QUESTIONS is JSON with
//! `developer`, `user`, `effort`, and what begins an answer on either side, `over` and `under`; each
//! line of OUT has `analysis`, `answer` and `margin`. Questions that follow one another under
//! the same developer message share its prefix. pebble/evaluate.py asks this way.

use engine::{Alternatives, Cancel, Effort, Engine, Event, Prefix, Reply, Request, Sampling};
use serde::Deserialize;
use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::Path;

const TOKENS_MAX: u32 = 1024;

#[derive(Deserialize)]
struct Question {
    developer: String,
    user: String,
    effort: String,
    over: Vec<String>,
    under: Vec<String>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [dir, questions, out] = &arguments[..] else {
        return Err("usage: replies DIR QUESTIONS OUT".into());
    };
    let engine = Engine::load(Path::new(dir))?;
    let text = fs::read_to_string(questions)?;
    let read = |line| serde_json::from_str(line);
    let questions: Vec<Question> = text.lines().map(read).collect::<Result<_, _>>()?;
    let mut out = std::io::BufWriter::new(fs::File::create(out)?);
    let together =
        questions.chunk_by(|a, b| (&a.developer, &a.effort) == (&b.developer, &b.effort));
    for questions in together {
        for reply in replies(&engine, questions)? {
            let line = serde_json::json!({
                "analysis": reply.analysis,
                "answer": reply.answer,
                "margin": reply.margin,
            });
            writeln!(out, "{line}")?;
        }
    }
    Ok(out.flush()?)
}

/// The greedy replies under one developer message, in the order of the questions.
fn replies(engine: &Engine, questions: &[Question]) -> Result<Vec<Reply>, Box<dyn Error>> {
    let Some(first) = questions.first() else {
        return Ok(Vec::new());
    };
    let prefix = Prefix {
        effort: match &*first.effort {
            "low" => Effort::Low,
            "medium" => Effort::Medium,
            "high" => Effort::High,
            other => return Err(format!("no effort is called {other:?}").into()),
        },
        developer: first.developer.clone(),
    };
    let request = |question: &Question| Request {
        user: question.user.clone(),
        sampling: Sampling::Greedy,
        tokens_max: TOKENS_MAX,
        alternatives: Alternatives {
            over: question.over.clone(),
            under: question.under.clone(),
        },
        draft: None,
    };
    let requests: Vec<Request> = questions.iter().map(request).collect();
    let mut found = vec![None; requests.len()];
    engine.generate(&prefix, &requests, &Cancel::default(), &mut |event| {
        if let Event::Finished { index, reply } = event {
            found[index] = Some(reply);
        }
    })?;
    let whole: Option<Vec<Reply>> = found.into_iter().collect();
    whole.ok_or_else(|| "a question has no reply".into())
}
