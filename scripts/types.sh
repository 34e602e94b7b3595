#!/usr/bin/env bash
# Writes ui/src/types from the Rust types that cross the IPC boundary.
# With --check it changes nothing and fails where the committed ones are stale.
set -euo pipefail
root="$(cd "$(dirname "$0")/.." && pwd)"
cd "$root"
committed=ui/src/types
if [ "${1:-}" = --check ]; then
  fresh="$(mktemp -d)"
  trap 'rm -rf "$fresh"' EXIT
  TS_RS_EXPORT_DIR="$fresh" cargo test --locked --quiet --workspace export_bindings >/dev/null
  if ! diff -r "$committed" "$fresh"; then
    echo "ui/src/types is stale: run ./scripts/types.sh and commit the result" >&2
    exit 1
  fi
else
  rm -rf "$committed"
  TS_RS_EXPORT_DIR="$root/$committed" cargo test --quiet --workspace export_bindings >/dev/null
fi
