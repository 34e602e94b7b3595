#!/usr/bin/env bash
# Writes the window's types (ui/src/types) from the Rust that crosses into it.
# With --check it changes nothing and fails when the committed files are stale.
# It compiles the whole workspace, the app included, which wants ui/dist to be built.
set -euo pipefail
cd "$(dirname "$0")/.."

committed=ui/src/types
if [ "${1:-}" = "--check" ]; then
    fresh=$(mktemp -d)
    trap 'rm -rf "$fresh"' EXIT
    TS_RS_EXPORT_DIR="$fresh" cargo test --quiet --workspace --lib export_bindings >/dev/null
    if ! diff -ru "$committed" "$fresh"; then
        echo "types: $committed is stale; run ./scripts/types.sh and commit the result" >&2
        exit 1
    fi
else
    rm -rf "$committed"
    cargo test --quiet --workspace --lib export_bindings >/dev/null
fi
