#!/usr/bin/env bash
# Draws docs/images/{workbench,compare,coverage,history,release}-{dark,light}.png from the real window.
set -euo pipefail
. "$(dirname "$0")/setup.sh"
install_packages "${packages_window[@]}" "${packages_test[@]}"
export TOUCHSTONE_BINARY="${TOUCHSTONE_BINARY:-$(target_folder)/debug/touchstone-desktop}"
export TOUCHSTONE_SCREENSHOTS="$root/docs/images"
cd "$root/tests/e2e"
under_display node screenshot.mjs
