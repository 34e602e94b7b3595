#!/usr/bin/env bash
# Talks to `touchstone serve` with OpenAI's own Python client and with curl, streaming
# included, and checks its OpenAPI document with openapi-spec-validator. The Python
# packages come from PyPI into a temporary environment.
set -euo pipefail
. "$(dirname "$0")/setup.sh"

if [ "${1:-}" = --help ] || [ "${1:-}" = -h ]; then
  cat <<'HELP'
Usage: ./scripts/check-openai-client.sh

Builds `touchstone`, or takes the program that TOUCHSTONE_BINARY names; serves the
sample policy `tobacco` with Pebble behind a token; asks it with the `openai` package
and with curl; ends with status 0 when every check passed. PYTHON names the Python to
use (default python3, with the venv module); OPENAI_VERSION a version of the package.
HELP
  exit 0
fi

cd "$root"
binary="${TOUCHSTONE_BINARY:-}"
if [ -z "$binary" ]; then
  cargo build --locked --workspace --bin touchstone
  binary="$(target_folder)/debug/touchstone"
fi

work="$(mktemp -d)"
server=""
finish() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT

say "installing the openai client"
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
  "openai${OPENAI_VERSION:+==$OPENAI_VERSION}" openapi-spec-validator

mkdir "$work/policies"
cp policies/tobacco.md "$work/policies/"
head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n' > "$work/token"
token="$(cat "$work/token")"
TOUCHSTONE_PEBBLE="$root/fixtures/pebble" "$binary" serve --workspace "$work" --policy tobacco \
  --port 0 --token-file "$work/token" --json > "$work/ready" &
server=$!
for _ in $(seq 600); do
  [ -s "$work/ready" ] && break
  kill -0 "$server" || { echo "the server did not start" >&2; exit 1; }
  sleep 0.1
done
url="$("$work/venv/bin/python" -c 'import json, sys; print(json.load(open(sys.argv[1]))["url"])' "$work/ready")"

say "openai client against $url"
"$work/venv/bin/python" scripts/check_openai_client.py "$url" "$token"

say "curl against $url"
body='{"messages": [{"role": "user", "content": "Two cartons of cigarettes for sale."}]}'
ask() { curl --silent --show-error --fail-with-body -H "Authorization: Bearer $token" "$@"; }
ask "$url/v1/chat/completions" -H 'Content-Type: application/json' -d "$body" | grep -q '"object":"chat.completion"'
echo "ok  curl, whole"
ask --no-buffer "$url/v1/chat/completions" -H 'Content-Type: application/json' \
  -d "${body%\}}, \"stream\": true}" > "$work/stream"
grep -q '^data: \[DONE\]$' "$work/stream"
[ "$(grep -c '^data: {' "$work/stream")" -gt 3 ]
echo "ok  curl, streamed: $(grep -c '^data: {' "$work/stream") chunks"
ask "$url/v1/classify" -H 'Content-Type: application/json' -d '{"content": "A museum shows pipes."}' | grep -q '"object":"verdict"'
echo "ok  curl, classify"
status="$(curl --silent --output /dev/null --write-out '%{http_code}' "$url/v1/models")"
[ "$status" = 401 ]
echo "ok  curl without a token: $status"
ask "$url/openapi.json" > "$work/openapi.json"
"$work/venv/bin/openapi-spec-validator" "$work/openapi.json"

kill -TERM "$server"
wait "$server"
server=""
echo "ok  stopped in good order"
say "All checks passed"
