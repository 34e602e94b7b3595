//! Previews, and whose turn they bring.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::Path;
use std::time::Instant;

use super::*;
use crate::active::give_places;
use crate::backend::Part;
use crate::draft::Draft;
use crate::model::CHUNK;
use crate::sampling::Sampler;
use crate::{
    Cancel, Effort, Engine, Finish, Incoming, Numerics, Prefix, Reply, Request, Sampling, harmony,
};

fn engine(fixture: &str, numerics: Numerics) -> Engine {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures");
    Engine::load_as(&fixtures.join(fixture), numerics).unwrap()
}

/// Its replies have random lengths and answers.
fn babbler(numerics: Numerics) -> Engine {
    engine("parity/babbler", numerics)
}

fn prefix() -> Prefix {
    Prefix {
        effort: Effort::Low,
        developer: "# Instructions\n\nNothing that smells.".to_owned(),
    }
}

fn request(i: u64) -> Request {
    Request {
        user: format!("case {i}{}", " and so on".repeat(i as usize % 5 * 3)),
        sampling: Sampling::Seeded {
            seed: i,
            temperature: 1.0,
            top_p: 1.0,
        },
        tokens_max: 600,
        alternatives: Alternatives {
            over: vec!["1".to_owned()],
            under: vec!["0".to_owned()],
        },
        draft: None,
    }
}

/// Replies, and the previews that came before them.
fn run(engine: &Engine, prefix: &Prefix, requests: &[Request]) -> (Vec<Reply>, Vec<Option<f64>>) {
    let mut replies = vec![None; requests.len()];
    let mut previews = vec![None; requests.len()];
    let mut on_event = |event| match event {
        Event::Preview { index, margin } => {
            assert!(replies[index].is_none(), "a preview behind the reply");
            assert!(previews[index].replace(margin).is_none(), "two previews");
        }
        Event::Finished { index, reply } => replies[index] = Some(reply),
        _ => {}
    };
    engine
        .generate(prefix, requests, &Cancel::default(), &mut on_event)
        .unwrap();
    (replies.into_iter().map(Option::unwrap).collect(), previews)
}

/// The margin behind a draft, computed for itself: its prompt and its tokens, one after the other.
fn margin_behind(engine: &Engine, request: &Request) -> Option<f64> {
    let (vocabulary, backend) = (engine.loaded().vocabulary(), engine.loaded().backend());
    let draft = request.draft.as_ref().unwrap();
    let old = harmony::reply(vocabulary, &draft.analysis, &draft.answer).unwrap();
    let mut tokens = harmony::prefix(vocabulary, &prefix()).unwrap();
    tokens.extend(harmony::user(vocabulary, &request.user).unwrap());
    let prompt = tokens.len();
    tokens.extend(&old);
    let mut look = Look::new(old.clone(), &request.alternatives);
    let mut sequence = backend.prefix();
    for (at, token) in tokens.iter().enumerate() {
        let part = Part {
            sequence: &mut sequence,
            tokens: &[*token],
            logits: 1,
        };
        let answers = backend
            .forward(&Shared::default(), &mut [part], &|| false)
            .unwrap();
        if at + 1 >= prompt && look.heard < old.len() {
            look.hear(vocabulary, answers.row(0)).unwrap();
        }
    }
    look.margin.value
}

#[test]
fn a_preview_is_what_the_model_says_behind_the_old_reply() {
    for numerics in [Numerics::Exact, Numerics::Fast] {
        let engine = babbler(numerics);
        let plain: Vec<Request> = (0..24).map(request).collect();
        let (replies, none) = run(&engine, &prefix(), &plain);
        assert!(none.iter().all(Option::is_none));
        let decided: Vec<&Reply> = replies.iter().filter(|r| r.margin.is_some()).collect();
        let mut drafted = plain;
        for (i, request) in drafted.iter_mut().enumerate() {
            let old = decided[(i + 1) % decided.len()];
            // Every other takes several steps.
            let times = 1 + i % 2 * (3 * CHUNK / (old.analysis.len() + 1)).min(8);
            request.draft = Some(crate::Draft {
                analysis: old.analysis.repeat(times),
                answer: old.answer.clone().unwrap_or_default(),
            });
        }
        let (again, previews) = run(&engine, &prefix(), &drafted);
        let mut seen = 0;
        for (i, request) in drafted.iter().enumerate() {
            let said = |reply: &Reply| {
                (
                    reply.analysis.clone(),
                    reply.answer.clone(),
                    reply.margin.map(f64::to_bits),
                )
            };
            assert_eq!(said(&again[i]), said(&replies[i]), "case {i}");
            if let Some(margin) = previews[i] {
                let expected = margin_behind(&engine, request);
                assert_eq!(
                    Some(margin.to_bits()),
                    expected.map(f64::to_bits),
                    "case {i}"
                );
                seen += 1;
            }
        }
        assert!(seen > 12, "{seen} previews");
    }
}

#[test]
fn an_old_reply_that_still_holds_is_confirmed_without_a_preview() {
    // It writes text as the tokenizer cuts it, which random weights do not.
    let engine = engine("pebble", Numerics::Exact);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let policy = fs::read_to_string(root.join("policies/spam.md")).unwrap();
    let (_, body) = policy.split_once("\n---\n").unwrap();
    let spam = Prefix {
        effort: Effort::Low,
        developer: format!("# Instructions\n\n{body}"),
    };
    let suite = fs::read_to_string(root.join("fixtures/spam.jsonl")).unwrap();
    let greedy = |line: &str| {
        let case: serde_json::Value = serde_json::from_str(line).unwrap();
        Request {
            user: case["content"].as_str().unwrap_or_default().to_owned(),
            sampling: Sampling::Greedy,
            alternatives: Alternatives {
                over: vec!["SP2".to_owned(), "SP3".to_owned(), "SP4".to_owned()],
                under: vec!["SP0".to_owned()],
            },
            ..request(0)
        }
    };
    let plain: Vec<Request> = suite.lines().take(12).map(greedy).collect();
    let (replies, _) = run(&engine, &spam, &plain);
    let own = |(request, reply): (&Request, &Reply)| {
        Some(Request {
            draft: Some(crate::Draft {
                analysis: reply.analysis.clone(),
                answer: reply.answer.clone()?,
            }),
            ..request.clone()
        })
    };
    let own: Vec<Request> = plain.iter().zip(&replies).filter_map(own).collect();
    let (again, previews) = run(&engine, &spam, &own);
    let pairs = again.iter().zip(&previews);
    let whole: Vec<_> = pairs
        .filter(|(reply, _)| reply.accepted_tokens + 1 == reply.generated_tokens)
        .collect();
    assert!(whole.len() > own.len() / 2, "{} confirmed", whole.len());
    assert!(whole.iter().all(|(_, preview)| preview.is_none()));
}

#[test]
fn looks_go_on_as_long_as_they_pay() {
    let looks = Looks::default();
    looks.add(TRIAL as usize - 1, 0);
    assert!(looks.pay(), "too few to tell");
    looks.add(1, 0);
    assert!(!looks.pay());
    looks.add(TRIAL as usize, TRIAL as usize);
    assert!(looks.pay(), "half of all is enough");
    looks.add(2 * TRIAL as usize, 0);
    assert!(!looks.pay());
    looks.begin();
    assert!(looks.pay(), "each call begins anew");

    // A draft that is wrong from its first word on is put to the model whole at first alone.
    let engine = babbler(Numerics::Exact);
    let wrong = |i| Request {
        draft: Some(crate::Draft {
            analysis: "no such thing ".repeat(12),
            answer: "1".to_owned(),
        }),
        ..request(i)
    };
    let requests: Vec<Request> = (0..80).map(wrong).collect();
    let (_, previews) = run(&engine, &prefix(), &requests);
    let had = previews.iter().flatten().count();
    assert!(had > 0 && had < 40, "{had} previews");
}

#[test]
fn whose_verdict_may_turn_is_written_first() {
    let engine = babbler(Numerics::Exact);
    let preview = |margin, turned| Some(Preview { margin, turned });
    let active = |index, stage| Active {
        index,
        incoming: Incoming {
            request: request(index as u64),
            cancel: Cancel::default(),
        },
        sequence: engine.loaded().backend().sequence(),
        tokens: Vec::new(),
        pending: Vec::new(),
        deviates: false,
        stage,
        draft: Draft::new(Vec::new()),
        prompt_tokens: 0,
        generated: 0,
        parser: Parser::default(),
        margin: Margin::new(&Alternatives::default()),
        sampler: Sampler::new(Sampling::Greedy),
        finish: Finish::Stop,
        started: Instant::now(),
    };
    let waiting = [
        None,
        preview(-7.0, false),
        preview(0.5, false),
        preview(9.0, true),
        preview(-2.0, true),
    ];
    let all = || -> Vec<Active> {
        let waiting = waiting.iter().enumerate();
        waiting
            .map(|(i, preview)| active(i, Stage::Waiting(*preview)))
            .collect()
    };
    let written = |active: &[Active]| -> Vec<usize> {
        let written = active.iter().filter(|a| a.is_writing());
        written.map(|a| a.index).collect()
    };
    for (most, expected) in [
        (1, vec![4]),
        (2, vec![3, 4]),
        (3, vec![2, 3, 4]),
        (4, vec![1, 2, 3, 4]),
    ] {
        let mut active = all();
        give_places(&mut active, most, false);
        assert_eq!(written(&active), expected);
        // Who has a place keeps it, and it is nobody else's.
        give_places(&mut active, most, false);
        assert_eq!(written(&active), expected);
    }
    // While some are looked at, nobody knows yet who is first.
    let mut some = all();
    some.push(active(
        5,
        Stage::Looking(Box::new(Look::new(vec![1, 2], &Alternatives::default()))),
    ));
    give_places(&mut some, 2, false);
    assert!(written(&some).is_empty());
    give_places(&mut some, 32, true);
    assert_eq!(written(&some).len(), waiting.len());
}
