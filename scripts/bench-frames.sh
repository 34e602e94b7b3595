#!/usr/bin/env bash
# Measures frames of the cases table at 100,000 rows in the real window: see
# docs/benchmarks.md. Prints one JSON document.
set -euo pipefail
. "$(dirname "$0")/setup.sh"
install_packages "${packages_window[@]}" "${packages_test[@]}"
export TOUCHSTONE_BINARY="${TOUCHSTONE_BINARY:-$(target_folder)/debug/touchstone-desktop}"
export TOUCHSTONE_CLI="${TOUCHSTONE_CLI:-$(target_folder)/debug/touchstone}"
cd "$root/tests/e2e"
under_display node frames.mjs
