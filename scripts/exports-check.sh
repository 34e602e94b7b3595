#!/usr/bin/env bash
# Lets promptfoo and Inspect read what `touchstone bundle export` writes for them: their own
# loaders, fetched from their registries into a temporary folder that is removed afterwards.
# It needs node, npm, python3 and a built `touchstone`; docs/bundle.md records a run.
set -euo pipefail

if [ "${1:-}" = --help ] || [ "${1:-}" = -h ]; then
  cat <<'HELP'
Usage: ./scripts/exports-check.sh [TOUCHSTONE]

Exports the sample workspace's policies judged by Pebble, and a policy with hostile texts,
and checks that promptfoo (npm) and inspect-ai (PyPI)
read them case for case. TOUCHSTONE is the command to use
[default: target/debug/touchstone].
HELP
  exit 0
fi
root="$(cd "$(dirname "$0")/.." && pwd)"
touchstone="$(realpath "${1:-${CARGO_TARGET_DIR:-$root/target}/debug/touchstone}")"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
export TOUCHSTONE_PEBBLE="$root/fixtures/pebble"

echo "== a workspace with hostile texts"
mkdir -p "$work/workspace/policies" "$work/workspace/fixtures"
cat > "$work/workspace/policies/hostile.md" <<'POLICY'
---
id: hostile
title: "Templates {{ 7 * 7 }} and \"quotes\""
labels: {VIOLATES: violates, SAFE: safe}
---
# Templates

Answer VIOLATES or SAFE. Literally: {{ case.id }} {% raw %} {# none #} ${HOME} file://secret.txt

- **T1** Offers to sell tobacco.
POLICY
cat > "$work/workspace/fixtures/hostile.jsonl" <<'SUITE'
{"id": "template", "content": "{{ 7 * 7 }} {% for x in y %}{{x}}{% endfor %} {# gone #}", "expected": "safe"}
{"id": "file", "content": "file://promptfooconfig.yaml", "expected": "safe"}
{"id": "env", "content": "{{ env.HOME }} $HOME ${HOME}", "expected": "safe"}
{"id": "quotes", "content": "a \"quoted\"\nline\\ with 中文 🚬, commas; and\ttabs", "expected": "violates", "tags": ["x", "y"]}
{"id": "turns", "content": [{"role": "user", "text": "Where?"}, {"role": "assistant", "text": "{{policy.prompt}}"}], "expected": "violates"}
SUITE
cp "$root/policies/tobacco.md" "$root/policies/赌博.md" "$work/workspace/policies/"
cp "$root/fixtures/tobacco.jsonl" "$root/fixtures/赌博.jsonl" "$work/workspace/fixtures/"
cd "$work/workspace"
for policy in hostile tobacco 赌博; do
  "$touchstone" run --policy "$policy" --model pebble --json > "$work/$policy.json"
  for format in promptfoo inspect evals opa roost; do
    "$touchstone" bundle export --policy "$policy" --as "$format" --allow-unmet-gates -o "$work/$policy-$format"
  done
done

echo "== promptfoo"
mkdir "$work/node"
cd "$work/node"
npm init -y > /dev/null
npm install --silent --no-audit --no-fund --ignore-scripts promptfoo
PROMPTFOO_DISABLE_TELEMETRY=1 PROMPTFOO_DISABLE_UPDATE=1 PROMPTFOO_CONFIG_DIR="$work/promptfoo" \
  node "$root/scripts/exports-check-promptfoo.mjs" "$work" hostile tobacco 赌博

echo "== Inspect"
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet inspect-ai openai
"$work/venv/bin/python" "$root/scripts/exports_check_inspect.py" "$work" hostile tobacco 赌博

"$work/venv/bin/pip" list 2>/dev/null | grep -i '^inspect' || true
grep '"version"' "$work/node/node_modules/promptfoo/package.json"
echo "All exports were read."
