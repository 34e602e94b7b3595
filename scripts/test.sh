#!/usr/bin/env bash
# Installs what is missing and runs every check that a change must pass: formatting,
# lints, all Rust and TypeScript tests, the generated types, and the end-to-end test
# in the real window. Goes on after a failure, so that one run shows them all.
set -euo pipefail
. "$(dirname "$0")/setup.sh"

if [ "${1:-}" = --help ] || [ "${1:-}" = -h ]; then
  cat <<'HELP'
Usage: ./scripts/test.sh [STEP...]

Installs what is missing and runs the named steps, or all of them, in this order:
  ui      types, lint, unit tests and build of the window's pages
  rust    cargo fmt, clippy and tests of all crates; stale generated types; the tests
          of Pebble's generator
  window  the end-to-end test in the real window, under a virtual display
HELP
  exit 0
fi
steps=("$@")
[ ${#steps[@]} -gt 0 ] || steps=(ui rust window)
wanted() { printf '%s\n' "${steps[@]}" | grep -qx "$1"; }

passed=0
failed=()
# check NAME COMMAND...: runs one check and notes how it went.
check() {
  local name="$1" since=$SECONDS
  shift
  say "$name"
  if "$@"; then
    passed=$((passed + 1))
    say "$name: passed, $((SECONDS - since)) s"
  else
    failed+=("$name")
    say "$name: FAILED, $((SECONDS - since)) s"
  fi
}

install_packages "${packages_build[@]}" "${packages_window[@]}" "${packages_test[@]}"
install_rust
install_node
install_node_packages ui
cd "$root"
in_ui() { (cd ui && npm run --silent "$@"); }

if wanted ui; then
  check "ui types" in_ui check
  check "ui lint" in_ui lint
  check "ui tests" in_ui test
fi
# The desktop app embeds ui/dist, so it is built before any Rust.
check "ui build" in_ui build

if wanted rust; then
  types="$(mktemp -d)"
  trap 'rm -rf "$types"' EXIT
  # Every type that crosses IPC writes itself while the tests run.
  rust_tests() { TS_RS_EXPORT_DIR="$types" cargo test --locked --workspace --all-targets --no-fail-fast --quiet; }
  # Pebble's generator: the standard library alone.
  generator() { python3 -W error -m unittest discover -q -s pebble; }
  types_fresh() {
    diff -r ui/src/types "$types" || {
      echo "ui/src/types is stale: run ./scripts/types.sh and commit the result" >&2
      return 1
    }
  }
  check "rust format" cargo fmt --all --check
  check "rust lints" cargo clippy --locked --workspace --all-targets --quiet -- -D warnings
  check "rust tests" rust_tests
  check "generated types" types_fresh
  check "pebble's generator" generator
fi

if wanted window; then
  # As the Rust tests were built: the programs alone resolve other features and build most of it again.
  window_build() { cargo build --locked --workspace --all-targets --quiet; }
  window_test() {
    (cd tests/e2e && TOUCHSTONE_BINARY="$(target_folder)/debug/touchstone-desktop" \
      under_display node --test --test-concurrency=1 workbench.test.mjs screens.test.mjs release.test.mjs)
  }
  check "window build" window_build
  check "window, end to end" window_test
fi

if [ ${#failed[@]} -gt 0 ]; then
  say "$passed checks passed, ${#failed[@]} failed after ${SECONDS} s: $(printf '%s; ' "${failed[@]}")"
  exit 1
fi
say "All $passed checks passed in ${SECONDS} s"
