#!/usr/bin/env bash
# Judges a suite by Hugging Face's own OpenAI-compatible server (`transformers serve`) with
# Pebble's safetensors, over chat and over responses, and fails unless every case has a verdict
# and a trace. CASES bounds how many of the suite are asked. Not part of test.sh: torch
# is large. PYTHON names a Python that has torch and transformers[serving] already; otherwise
# they are installed into a temporary environment.
set -euo pipefail
cd "$(dirname "$0")/.."

touchstone="${TOUCHSTONE:-${CARGO_TARGET_DIR:-target}/debug/touchstone}"
touchstone="$(realpath "$touchstone")"
policy="${1:-tobacco}"
cases="${CASES:-1000}"
port="${PORT:-18081}"

work="$(mktemp -d)"
server=""
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$work"' EXIT

python="${PYTHON:-}"
if [ -z "$python" ]; then
    python3 -m venv "$work/venv"
    python="$work/venv/bin/python"
    "$python" -m pip install --quiet "transformers[serving]" torch accelerate
fi
mkdir -p "$work/pebble" "$work/space/policies" "$work/space/fixtures"
cp fixtures/pebble/* "$work/pebble/"
# The server renders the prompt; Pebble's folder has no template, as Touchstone needs none.
"$python" - "$work/pebble" <<'PYTHON'
import json, pathlib, re, sys

folder = pathlib.Path(sys.argv[1])
source = pathlib.Path("scripts/pebble_gguf.py").read_text(encoding="utf-8")
template = re.search(r'TEMPLATE = """(.*?)"""', source, re.S).group(1)
config = json.loads((folder / "config.json").read_text())
tokens = {t["id"]: t["content"] for t in json.loads((folder / "tokenizer.json").read_text())["added_tokens"]}
(folder / "tokenizer_config.json").write_text(json.dumps({
    "tokenizer_class": "PreTrainedTokenizerFast",
    "eos_token": tokens[config["eos_token_id"]],
    "bos_token": tokens[config["bos_token_id"]],
    "pad_token": tokens[config["pad_token_id"]],
    "model_max_length": config["max_position_embeddings"],
    "chat_template": template,
    # Without it the server passes the channels on with their markers cut out.
    "response_template": {
        "defaults": {"role": "assistant"},
        "start_anchor": "<|start|>assistant",
        "fields": {
            "reasoning_content": {
                "open": "<|channel|>analysis<|message|>", "close": "<|end|>", "content": "text",
            },
            "content": {
                "open": "<|start|>assistant<|channel|>final<|message|>", "close": "<|return|>",
                "content": "text",
            },
        },
    },
}))
PYTHON
cp "policies/$policy.md" "$work/space/policies/"
head -n "$cases" "fixtures/$policy.jsonl" > "$work/space/fixtures/$policy.jsonl"

mkdir "$work/hub"
HF_HUB_OFFLINE=1 HF_HUB_CACHE="$work/hub" "$python" -m transformers.cli.transformers serve "$work/pebble" --device cpu \
    --host 127.0.0.1 --port "$port" > "$work/server.log" 2>&1 &
server=$!

address="http://127.0.0.1:$port/v1#$work/pebble"
cd "$work/space"
for _ in $(seq 180); do
    "$touchstone" server test "$address" 2> "$work/test.log" && break
    kill -0 "$server" || { tail -n 30 "$work/server.log" >&2; exit 1; }
    sleep 1
done

check() {
    "$touchstone" run --policy "$policy" --model "$address" --json > "$work/run.json" \
        || { tail -n 20 "$work/server.log" >&2; exit 1; }
    python3 - "$work/run.json" "fixtures/$policy.jsonl" <<'PYTHON'
import json, sys

run = json.load(open(sys.argv[1], encoding="utf-8"))
cases = sum(1 for line in open(sys.argv[2], encoding="utf-8") if line.strip())
outcomes = run["outcomes"]
unparsed = [o["case"] for o in outcomes if o["verdict"] == "unparsed"]
traces = sum(o["trace"] != "" for o in outcomes)
server = run["settings"]["server"]
print(
    f"{server['software']} {server['version']}, {server['api']}: {len(outcomes)} of {cases} cases, "
    f"{len(unparsed)} unparsed, {traces} with a trace, {sum(o['margin'] is not None for o in outcomes)} with a margin"
)
for outcome in outcomes[:3]:
    print(" ", outcome["case"], outcome["verdict"], outcome.get("unparsed_reason") or "", repr(outcome["trace"][:80]))
sys.exit(0 if len(outcomes) == cases and traces == cases and not unparsed else 1)
PYTHON
}
check
"$touchstone" server add "$address" --responses > /dev/null
check
