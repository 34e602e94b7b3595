//! The same bits whatever the chunks, the prefix, the batch, the threads and the instruction
//! set are, in both numerics.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::testing::Noise;
use std::path::Path;

const BOTH: [Numerics; 2] = [Numerics::Exact, Numerics::Fast];

fn fixture(name: &str, numerics: Numerics) -> Model {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fixtures/parity")
        .join(name);
    let weights = Weights::open(&dir).unwrap();
    Model::load(Config::load(&dir).unwrap(), &weights, numerics).unwrap()
}

fn tokens(model: &Model, n: usize, seed: u64) -> Vec<u32> {
    let mut noise = Noise::new(seed);
    (0..n)
        .map(|_| (noise.next() % model.config.vocab as u64) as u32)
        .collect()
}

/// The last logits' bits, with the first `shared` tokens as a prefix and the rest computed
/// in pieces of `chunk`.
fn bits(model: &Model, tokens: &[u32], shared: usize, chunk: usize) -> Vec<u32> {
    let mut prefix = Kv::new(&model.config);
    let mut own = Kv::new(&model.config);
    let mut logits = Vec::new();
    for tokens in tokens[..shared].chunks(chunk) {
        let part = Part {
            kv: &mut prefix,
            tokens,
            logits: 0,
        };
        model.forward(&[], &mut [part], &|| false).unwrap();
    }
    let prefix = [Stretch::new(&prefix, shared)];
    for tokens in tokens[shared..].chunks(chunk) {
        let part = Part {
            kv: &mut own,
            tokens,
            logits: 1,
        };
        logits = model.forward(&prefix, &mut [part], &|| false).unwrap();
    }
    logits.iter().map(|l| l.to_bits()).collect()
}

#[test]
fn logits_do_not_depend_on_chunks_prefix_or_instruction_set() {
    let names = ["alpha", "beta", "gamma"];
    for (name, numerics) in names.iter().flat_map(|name| BOTH.map(|n| (name, n))) {
        let mut model = fixture(name, numerics);
        let tokens = tokens(&model, 70, 1);
        let whole = bits(&model, &tokens, 0, 70);
        for (shared, chunk) in [
            (0, 1),
            (0, 7),
            (1, 70),
            (15, 16),
            (16, 5),
            (37, 70),
            (69, 32),
        ] {
            assert_eq!(
                bits(&model, &tokens, shared, chunk),
                whole,
                "{name} {numerics:?} {shared} {chunk}"
            );
        }
        for isa in Isa::available() {
            model.set_isa(isa);
            assert_eq!(
                bits(&model, &tokens, 20, 9),
                whole,
                "{name} {numerics:?} {isa:?}"
            );
        }
    }
}

/// The last logits' bits of a case that follows a path: each stretch goes on otherwise behind
/// its place of the path, as one does that was edited there.
fn bits_over(model: &Model, tokens: &[u32], cuts: &[usize], mut own: Kv) -> Vec<u32> {
    let step = |shared: &[Stretch<'_>], kv: &mut Kv, tokens: &[u32], logits| {
        let part = Part { kv, tokens, logits };
        model.forward(shared, &mut [part], &|| false).unwrap()
    };
    let mut kvs: Vec<(Kv, usize)> = Vec::new();
    let mut first = 0;
    for &cut in cuts {
        let path: Vec<_> = kvs.iter().map(|(kv, len)| Stretch::new(kv, *len)).collect();
        let mut kv = Kv::new(&model.config);
        step(&path, &mut kv, &tokens[first..cut], 0);
        let otherwise: Vec<u32> = tokens[cut..].iter().rev().take(11).copied().collect();
        step(&path, &mut kv, &otherwise, 0);
        drop(path);
        kvs.push((kv, cut - first));
        first = cut;
    }
    let path: Vec<_> = kvs.iter().map(|(kv, len)| Stretch::new(kv, *len)).collect();
    let mut logits = Vec::new();
    for tokens in tokens[first..].chunks(23) {
        logits = step(&path, &mut own, tokens, 1);
    }
    // A copy of the path holds the same.
    if first > 0 {
        let joined = Kv::joined(&path);
        let mut again = Kv::new(&model.config);
        let path = [Stretch::new(&joined, first)];
        assert_eq!(step(&path, &mut again, &tokens[first..], 1), logits);
    }
    logits.iter().map(|l| l.to_bits()).collect()
}

#[test]
fn logits_do_not_depend_on_where_a_path_is_cut() {
    let paths: [&[usize]; 8] = [
        &[67],
        &[1, 2],
        &[37, 53],
        &[16, 32, 69],
        &[5, 9, 12],
        &[3, 20, 41, 58],
        &[17, 18, 33, 50, 68],
        &[61, 62, 63, 64, 65],
    ];
    for (name, numerics) in ["alpha", "beta", "gamma"]
        .iter()
        .flat_map(|name| BOTH.map(|n| (name, n)))
    {
        let mut model = fixture(name, numerics);
        // Windows are shorter than this, so that they begin within any of the stretches.
        let tokens = tokens(&model, 90, 7);
        let whole = bits(&model, &tokens, 0, 90);
        for cuts in paths {
            for own in [Kv::new(&model.config), Kv::sliding(&model.config)] {
                let found = bits_over(&model, &tokens, cuts, own);
                assert_eq!(found, whole, "{name} {numerics:?} {cuts:?}");
            }
        }
        for isa in Isa::available() {
            model.set_isa(isa);
            let own = Kv::sliding(&model.config);
            let found = bits_over(&model, &tokens, &[17, 18, 33, 50, 68], own);
            assert_eq!(found, whole, "{name} {numerics:?} {isa:?}");
        }
    }
}

#[test]
fn logits_do_not_depend_on_the_batch_or_the_threads() {
    for numerics in BOTH {
        batches_and_threads(&fixture("gamma", numerics));
    }
}

fn batches_and_threads(model: &Model) {
    let vocab = model.config.vocab;
    let prefix_tokens = tokens(model, 33, 2);
    let mut prefix = Kv::new(&model.config);
    let part = Part {
        kv: &mut prefix,
        tokens: &prefix_tokens,
        logits: 0,
    };
    model.forward(&[], &mut [part], &|| false).unwrap();
    let prefix = [Stretch::new(&prefix, prefix_tokens.len())];
    let cases: Vec<Vec<u32>> = (0..32)
        .map(|i| tokens(model, 1 + i % 9, 100 + i as u64))
        .collect();
    let step = |cases: &[Vec<u32>]| {
        let mut kvs: Vec<Kv> = cases.iter().map(|_| Kv::new(&model.config)).collect();
        let pairs = kvs.iter_mut().zip(cases);
        let mut parts: Vec<Part<'_>> = pairs
            .map(|(kv, tokens)| Part {
                kv,
                tokens,
                logits: 1,
            })
            .collect();
        model.forward(&prefix, &mut parts, &|| false).unwrap()
    };
    let all = step(&cases);
    for n in [1, 7] {
        for (i, some) in cases.chunks(n).enumerate() {
            assert_eq!(step(some), all[i * n * vocab..][..some.len() * vocab]);
        }
    }
    for threads in [1, 2, 5] {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        assert_eq!(pool.install(|| step(&cases)), all);
    }
}

#[test]
fn a_stopped_step_leaves_the_sequence_as_it_was() {
    let model = fixture("alpha", Numerics::Exact);
    let tokens = tokens(&model, 30, 3);
    let mut kv = Kv::new(&model.config);
    let part = Part {
        kv: &mut kv,
        tokens: &tokens[..20],
        logits: 0,
    };
    model.forward(&[], &mut [part], &|| false).unwrap();
    let calls = std::cell::Cell::new(0);
    let stop = || calls.replace(calls.get() + 1) == 2;
    let part = Part {
        kv: &mut kv,
        tokens: &tokens[5..15],
        logits: 0,
    };
    let stopped = model.forward(&[], &mut [part], &stop);
    assert!(matches!(stopped, Err(GenerateError::Cancelled)));
    assert_eq!((kv.len(), calls.get()), (20, 3));
    let part = Part {
        kv: &mut kv,
        tokens: &tokens[20..],
        logits: 1,
    };
    let logits = model.forward(&[], &mut [part], &|| false).unwrap();
    let found: Vec<u32> = logits.iter().map(|l| l.to_bits()).collect();
    assert_eq!(found, bits(&model, &tokens, 0, 30));
}
