#!/usr/bin/env bash
# Installs what is missing, builds the studio and opens it on the sample workspace.
set -euo pipefail
. "$(dirname "$0")/setup.sh"

if [ "${1:-}" = --help ] || [ "${1:-}" = -h ]; then
  cat <<'HELP'
Usage: ./scripts/start.sh [WORKSPACE]

Installs what is missing (system packages, Rust, Node), builds the studio and opens it
on WORKSPACE, a folder with policies/ and fixtures/; by default on the sample workspace,
which is this repository. On a machine without a display, the same loop runs in the
terminal: the sample policy is judged over its suite once, then again on every save.

  --help      this text
  --terminal  the loop in the terminal, even where there is a display

Environment: CARGO_TARGET_DIR is respected; TOUCHSTONE_POLICY names the policy that the
terminal loop judges (default: the first in policies/).
HELP
  exit 0
fi

terminal=no
if [ "${1:-}" = --terminal ]; then
  terminal=yes
  shift
fi
workspace="$(cd "${1:-$root}" && pwd)"
[ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] || terminal=yes

install_packages "${packages_build[@]}"
[ "$terminal" = yes ] || install_packages "${packages_window[@]}"
install_rust
cd "$root"

if [ "$terminal" = no ]; then
  install_node
  install_node_packages ui
  build_ui
  say "Building the studio (the first time takes some minutes)"
  cargo build --locked --workspace --bins
  say "Opening $workspace"
  exec "$(target_folder)/debug/touchstone-desktop" "$workspace"
fi

say "No window here, so the loop runs in the terminal"
say "Building the command line (the first time takes some minutes)"
cargo build --locked --package cli
touchstone="$(target_folder)/debug/touchstone"
cd "$workspace"
policy="${TOUCHSTONE_POLICY:-$(find policies -maxdepth 1 -name '*.md' | sort | head -n1)}"
[ -n "$policy" ] || fail "$workspace has no policies/*.md"
policy="policies/$(basename "$policy" .md).md"
suite="fixtures/$(basename "$policy" .md).jsonl"
say "touchstone run --policy $policy --suite $suite"
"$touchstone" run --policy "$policy" --suite "$suite"
say "Now edit $policy in another terminal and save; Ctrl-C ends the watch"
say "touchstone watch --policy $policy --suite $suite"
exec "$touchstone" watch --policy "$policy" --suite "$suite"
