#!/usr/bin/env bash
# Tests the GPU backend on the GPU that is there, then measures it: random weights of the 20b's
# shape, medians, each with the bound beside it, as one JSON document on standard output.
#
#   scripts/bench-gpu.sh [FOLDER]     FOLDER gets 13.8 GB of weights, unless they are there
#
# TOUCHSTONE and TESTS name binaries built elsewhere (the command line, and the engine's unit
# tests); without them cargo builds both. REPEATS (5) measurements each. BANDWIDTH in GB/s and
# PEAK in bf16 TFLOP/s are the card's; known cards have the makers' figures.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=${1:-${TMPDIR:-/tmp}/touchstone-20b}
repeats=${REPEATS:-5}
if [ -z "${TOUCHSTONE:-}" ]; then
  cargo build --locked --release --workspace --bin touchstone >&2
  TOUCHSTONE=${CARGO_TARGET_DIR:-target}/release/touchstone
fi

# The same tests that the host runs on fibers: parity, bits, pages, Pebble's replies, self-test.
if [ -n "${TESTS:-}" ]; then
  TOUCHSTONE_TEST_DEVICE=cuda "$TESTS" gpu:: --test-threads 1 >&2
else
  TOUCHSTONE_TEST_DEVICE=cuda cargo test --locked --workspace --lib gpu:: -- --test-threads 1 >&2
fi

[ -e "$folder/config.json" ] || "$TOUCHSTONE" model synth --like gpt-oss-20b --out "$folder" >&2

bench() { "$TOUCHSTONE" bench "$@" --model "$folder" --device cuda --repeats "$repeats" --json; }
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
bench decode --batch 1 --prefix-tokens 1000 --reply-tokens 100 >"$results/decode_1.json"
bench decode --batch 32 --prefix-tokens 1000 --reply-tokens 100 >"$results/decode_32.json"
bench prefill --tokens 4096 >"$results/prefill.json"
bench rerun --cases 100 --policy-tokens 1000 --case-tokens 60 --reply-tokens 100 \
  >"$results/rerun.json"
bench decode --batch 1 --prefix-tokens 1000 --reply-tokens 60 >"$results/verdict.json"

python3 - "$results" <<'PYTHON'
import json, os, pathlib, sys

folder = pathlib.Path(sys.argv[1])
found = {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}
device = found["prefill"]["model"]["device"]
# The makers' figures: GB/s, and dense bf16 TFLOP/s.
cards = {"H200": (4800, 989), "H100": (3350, 989), "A100": (2039, 312), "L4": (300, 121),
         "4090": (1008, 165), "5090": (1792, 210), "4080": (736, 97), "5080": (960, 113)}
card = next((figures for name, figures in cards.items() if name in device), (None, None))
bandwidth = float(os.environ.get("BANDWIDTH") or card[0] or "nan")
peak = float(os.environ.get("PEAK") or card[1] or "nan")

# Bytes of weights that a step reads at least: attention, router and head as bf16, and the
# experts that are chosen; 32 rows choose nearly all.
hidden, layers, vocab, experts = 2880, 24, 201_088, 32
dense = 2 * (layers * (hidden * (5120 + 4096 + experts)) + hidden * vocab)
expert = 3 * hidden * hidden * 17 / 32
touched = lambda rows: experts * (1 - (1 - 4 / experts) ** rows)
step = lambda rows: (dense + layers * expert * touched(rows)) / (bandwidth * 1e6)
flop = 2 * layers * (hidden * (5120 + 4096 + experts) + 4 * 3 * hidden * hidden)

def decoded(name, rows):
    median = found[name]["step_ms"]["median"]
    return {"step_ms": found[name]["step_ms"], "tokens_per_s": found[name]["decode_tokens_per_s"],
            "bound_step_ms": step(rows), "of_bound": step(rows) / median}

prefill = found["prefill"]
done = flop * prefill["tokens"] / prefill["prefill_ms"]["median"] / 1e9
print(json.dumps({
    "device": device, "bandwidth_gb_per_s": bandwidth, "peak_bf16_tflop_per_s": peak,
    "decode_batch_1": decoded("decode_1", 1), "decode_batch_32": decoded("decode_32", 32),
    "prefill": {"tokens": prefill["tokens"], "prefill_ms": prefill["prefill_ms"],
                "tflop_per_s": done, "of_peak": done / peak},
    "rerun_100_cases_last_verdict_ms": found["rerun"]["edited_last_verdict_ms"],
    "rerun_100_cases_first_verdict_ms": found["rerun"]["edited_first_verdict_ms"],
    "verdict_60_tokens_ms": found["verdict"]["replies_ms"],
    "load_ms": prefill["model"]["load_ms"],
}, indent=1))
PYTHON
