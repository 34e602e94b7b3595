//! Random weights are loaded, run and compared.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::cell::Cell;

use super::*;
use crate::weights::Weights;
use crate::{
    Alternatives, Effort, Engine, Event, Finish, Incoming, Numerics, Prefix, Request, Sampling,
    last_logits,
};

fn request(dir: &Path, layers: u32, seed: u64) -> Synth {
    Synth {
        like: Like::Pebble,
        layers: Some(layers),
        seed,
        out: dir.join(format!("random-{layers}-{seed}")),
    }
}

fn written(request: &Synth) -> Synthesised {
    synth(request, &Cancel::default(), &mut |_, _| ()).unwrap()
}

#[test]
fn random_weights_load_and_speak() {
    let dir = tempfile::tempdir().unwrap();
    let request = request(dir.path(), 3, 1);
    let mut last = (0, 0);
    let made = synth(&request, &Cancel::default(), &mut |done, total| {
        last = (done, total)
    })
    .unwrap();
    assert_eq!(last, (made.bytes, made.bytes));
    assert_eq!((made.files, made.layers), (1, 3));
    let logits = last_logits(&request.out, Numerics::Exact, &[1, 2, 3, 4_000]).unwrap();
    let mean = logits.iter().sum::<f32>() / logits.len() as f32;
    let square = logits.iter().map(|l| (l - mean).powi(2)).sum::<f32>();
    let deviation = (square / logits.len() as f32).sqrt();
    // Finite, and neither flat nor extreme.
    assert!((0.2..5.0).contains(&deviation), "{deviation}");
    let engine = Engine::load(&request.out).unwrap();
    assert_eq!(engine.info().parameters, made.parameters);
    assert_eq!(engine.info().bytes, made.bytes);
    let prefix = Prefix {
        effort: Effort::Low,
        developer: "Is this spam?".to_owned(),
    };
    let asked = Request {
        user: "Buy now".to_owned(),
        sampling: Sampling::Greedy,
        tokens_max: 5,
        alternatives: Alternatives::default(),
        draft: None,
    };
    let mut finishes = Vec::new();
    engine
        .generate(&prefix, &[asked], &Cancel::default(), &mut |event| {
            if let Event::Finished { reply, .. } = event {
                finishes.push((reply.finish, reply.generated_tokens));
            }
        })
        .unwrap();
    assert!(
        matches!(finishes[..], [(Finish::Length, 5)] | [(_, 0..5)]),
        "{finishes:?}"
    );
}

#[test]
fn a_seed_stands_for_its_bytes_and_a_folder_is_never_overwritten() {
    let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let bytes = |dir: &Path, seed| {
        let request = request(dir, 1, seed);
        written(&request);
        std::fs::read(request.out.join("model.safetensors")).unwrap()
    };
    let first = bytes(a.path(), 7);
    assert_eq!(first, bytes(b.path(), 7));
    assert_ne!(first, bytes(b.path(), 8));
    let again = synth(&request(a.path(), 1, 7), &Cancel::default(), &mut |_, _| ());
    assert!(again.unwrap_err().0.contains("exists already"));
}

#[test]
fn shards_hold_what_one_file_holds() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config::parse(&Like::Pebble.config(Some(2)).unwrap().to_string()).unwrap();
    let slots = layout(&config);
    let write = |name: &str, shard_bytes: u64| {
        let out = dir.path().join(name);
        std::fs::create_dir(&out).unwrap();
        let writer = Writer {
            seed: 3,
            cancel: &Cancel::default(),
            on_progress: &mut |_, _| (),
            done: 0,
            total: slots.iter().map(Slot::published_bytes).sum(),
        };
        let files = writer.write(&out, &slots, shard_bytes).unwrap();
        write_json(
            &out.join("config.json"),
            &Like::Pebble.config(Some(2)).unwrap(),
        )
        .unwrap();
        (files, out)
    };
    let (one, whole) = write("whole", u64::MAX);
    let (several, parts) = write("parts", 300_000);
    assert_eq!(one, 1);
    assert!(several > 3, "{several} files");
    assert!(
        parts
            .join(format!("model-00000-of-{:05}.safetensors", several - 1))
            .is_file()
    );
    assert_eq!(
        Weights::open(&whole).unwrap().bytes(),
        Weights::open(&parts).unwrap().bytes()
    );
    let tokens = [5, 9, 11];
    assert_eq!(
        last_logits(&whole, Numerics::Exact, &tokens).unwrap(),
        last_logits(&parts, Numerics::Exact, &tokens).unwrap()
    );
}

#[test]
fn what_is_stopped_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let cancel = Cancel::default();
    let stop = cancel.clone();
    let stopped = synth(&request(dir.path(), 2, 1), &cancel, &mut |_, _| {
        stop.cancel()
    });
    assert!(stopped.unwrap_err().0.contains("cancelled"));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_disk_too_small_is_refused_with_the_figures() {
    let out = Path::new("models/random");
    let why = room(out, 13 << 30, Some(5 << 30)).unwrap_err().0;
    for word in ["models/random", "13.0 GiB", "5.00 GiB free", "--layers"] {
        assert!(why.contains(word), "no {word:?} in: {why}");
    }
    assert!(room(out, 13 << 30, Some(14 << 30)).is_ok());
    assert!(room(out, 13 << 30, None).is_ok());
}

#[test]
fn the_published_shapes_have_the_published_sizes() {
    for (like, tensors, bytes) in [
        // The 20b's safetensors: 459 tensors, 13,761,264,768 bytes.
        (Like::GptOss20b, 459, 13_761_264_768),
        (Like::GptOss120b, 687, 65_248_815_744),
    ] {
        let config = Config::parse(&like.config(None).unwrap().to_string()).unwrap();
        let slots = layout(&config);
        assert_eq!(slots.len(), tensors);
        assert_eq!(
            slots.iter().map(Slot::published_bytes).sum::<u64>(),
            bytes,
            "{like:?}"
        );
    }
    assert!(Like::GptOss20b.config(Some(0)).is_err());
}

#[test]
fn a_large_model_answers_two_before_it_begins_the_others() {
    let dir = tempfile::tempdir().unwrap();
    // What keeps a model small is its bytes.
    let large = request(dir.path(), 420, 5);
    let bytes = written(&large).bytes;
    assert!(bytes >= 64 << 20, "{bytes}");
    for (request, first) in [
        (large, 2),
        (request(dir.path(), 2, 5), 4 * rayon::current_num_threads()),
    ] {
        if !request.out.exists() {
            written(&request);
        }
        let engine = Engine::load(&request.out).unwrap();
        let (given, ended) = (Cell::new(0), Cell::new(None));
        let mut next = || {
            let index = given.get();
            given.set(index + 1);
            (index < 8 * first).then(|| Incoming {
                request: Request {
                    user: "Buy now".to_owned(),
                    sampling: Sampling::Greedy,
                    tokens_max: 2,
                    alternatives: Alternatives::default(),
                    draft: None,
                },
                cancel: Cancel::default(),
            })
        };
        let mut finished = 0;
        let mut on_event = |event| {
            if let Event::Finished { .. } = event {
                finished += 1;
                ended.set(ended.get().or(Some(given.get())));
            }
        };
        let prefix = Prefix {
            effort: Effort::Low,
            developer: "Is this spam?".to_owned(),
        };
        engine
            .generate_from(&prefix, &mut next, &Cancel::default(), &mut on_event)
            .unwrap();
        assert_eq!(finished, 8 * first);
        assert!(
            ended.get().is_some_and(|given| given <= first),
            "{ended:?} of {first}"
        );
    }
}
