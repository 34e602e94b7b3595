#!/usr/bin/env bash
# Judges a suite by llama.cpp's server with Pebble as a GGUF, over chat and over raw
# completions, and fails unless every case has a verdict. The server comes from PyPI (xllamacpp
# carries llama.cpp's own), so nothing is compiled. Not part of test.sh: it downloads 34 MB.
set -euo pipefail
cd "$(dirname "$0")/.."

touchstone="${TOUCHSTONE:-${CARGO_TARGET_DIR:-target}/debug/touchstone}"
touchstone="$(realpath "$touchstone")"
policy="${1:-tobacco}"
port="${PORT:-18080}"

work="$(mktemp -d)"
server=""
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet numpy gguf==0.19.0 xllamacpp==2026.10.11549
"$work/venv/bin/python" scripts/pebble_gguf.py fixtures/pebble "$work/pebble.gguf"
mkdir -p "$work/space/policies" "$work/space/fixtures"
cp "policies/$policy.md" "$work/space/policies/"
cp "fixtures/$policy.jsonl" "$work/space/fixtures/"

"$work/venv/bin/python" - "$work/pebble.gguf" "$port" >"$work/server.log" 2>&1 <<'PYTHON' &
import sys, time
import xllamacpp

params = xllamacpp.CommonParams()
params.model.path, params.port = sys.argv[1], int(sys.argv[2])
params.hostnames, params.model_alias = ["127.0.0.1"], {"pebble-gguf"}
params.n_ctx, params.n_parallel, params.endpoint_props = 8192, 2, True
server = xllamacpp.Server(params)
while True:
    time.sleep(3600)
PYTHON
server=$!

address="http://127.0.0.1:$port/v1#pebble-gguf"
cd "$work/space"
for _ in $(seq 60); do
    "$touchstone" server test "$address" 2>/dev/null && break
    kill -0 "$server" || { cat "$work/server.log" >&2; exit 1; }
    sleep 1
done

check() {
    "$touchstone" run --policy "$policy" --model "$address" --json >"$work/run.json"
    python3 - "$work/run.json" "fixtures/$policy.jsonl" <<'PYTHON'
import json, sys

run = json.load(open(sys.argv[1], encoding="utf-8"))
cases = sum(1 for line in open(sys.argv[2], encoding="utf-8") if line.strip())
outcomes = run["outcomes"]
unparsed = [o["case"] for o in outcomes if o["verdict"] == "unparsed"]
margins = sum(o["margin"] is not None for o in outcomes)
traces = sum(o["trace"] != "" for o in outcomes)
server = run["settings"]["server"]
print(
    f"{server['software']} {server['version']}, {server['api']}: {len(outcomes)} of {cases} cases, "
    f"{len(unparsed)} unparsed, {traces} with a trace, {margins} with a margin; "
    f"{run['usage']['reused_tokens']} of {run['usage']['prompt_tokens']} tokens read from its cache"
)
sys.exit(0 if len(outcomes) == cases and traces == cases else 1)
PYTHON
}
check
"$touchstone" server add "$address" --raw >/dev/null
check
