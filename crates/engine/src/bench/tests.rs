//! Benchmarks measure what they are asked to.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;

fn pebble() -> Bench {
    Bench::load(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/pebble"),
        Placement::default(),
    )
    .unwrap()
}

#[test]
fn medians() {
    let spread = |values: &[f64]| {
        let s = super::spread(values);
        (s.median, s.min, s.max)
    };
    assert_eq!(spread(&[3.0, 1.0, 2.0]), (2.0, 1.0, 3.0));
    assert_eq!(spread(&[4.0, 1.0, 2.0, 9.0]), (3.0, 1.0, 9.0));
    assert_eq!(rates(10.0, &[1e3, 2e3]).max, 10.0);
}

#[test]
fn what_is_asked_for_is_measured() {
    let (bench, cancel) = (pebble(), Cancel::default());
    let prefill = bench.prefill(200, 2, &cancel).unwrap();
    assert!((180..=200).contains(&prefill.figures.tokens), "{prefill:?}");
    assert!(prefill.figures.prefill_tokens_per_s.min > 0.0);
    let arithmetic = prefill.figures.arithmetic.unwrap();
    assert!(arithmetic.peak_share > 0.0 && arithmetic.ops_per_s > 0.0);
    assert_eq!(prefill.model.digest.len(), 64);
    let decode = bench.decode(2, 100, 8, 2, &cancel).unwrap();
    assert!(
        (80..=100).contains(&decode.figures.prefix_tokens),
        "{decode:?}"
    );
    assert!(decode.figures.step_ms.median > 0.0);
    // All of Pebble's dense matrices, and some experts of each layer.
    let reading = decode.figures.reading.unwrap();
    assert!(
        (1_000_000..decode.model.weights_bytes).contains(&reading.step_read_bytes),
        "{reading:?}"
    );
    assert!(reading.stream_share > 0.0);
    let size = RerunSize {
        cases: 3,
        policy_tokens: 200,
        case_tokens: 40,
        reply_tokens: 4,
    };
    let rerun = bench.rerun(size, 2, &cancel).unwrap().figures;
    assert!((170..=200).contains(&rerun.policy_tokens), "{rerun:?}");
    assert!((20..=40).contains(&rerun.case_tokens), "{rerun:?}");
    // Only what follows the edited line in the middle is computed again.
    assert!((40..180).contains(&rerun.edited_reused_tokens), "{rerun:?}");
    assert!(rerun.edited_first_verdict_ms.median <= rerun.edited_last_verdict_ms.median);
    assert!(bench.decode(1_000, 100, 8, 1, &cancel).is_err());
    cancel.cancel();
    assert!(matches!(
        bench.prefill(200, 2, &cancel),
        Err(GenerateError::Cancelled)
    ));
}

#[test]
fn replies_run_to_their_bound() {
    let bench = pebble();
    let mut generated = Vec::new();
    let requests = [request("tobacco".to_owned(), 300)];
    let prefix = bench.prefix(80, 0);
    bench
        .engine
        .generate(&prefix, &requests, &Cancel::default(), &mut |event| {
            if let Event::Finished { reply, .. } = event {
                generated.push(reply.generated_tokens);
            }
        })
        .unwrap();
    assert_eq!(generated, [300]);
}
