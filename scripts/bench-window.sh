#!/usr/bin/env bash
# Measures the loop in the real window: see docs/benchmarks.md. Prints one JSON document.
set -euo pipefail
. "$(dirname "$0")/setup.sh"
install_packages "${packages_window[@]}" "${packages_test[@]}"
export TOUCHSTONE_BINARY="${TOUCHSTONE_BINARY:-$(target_folder)/debug/touchstone-desktop}"
cd "$root/tests/e2e"
under_display node bench.mjs
