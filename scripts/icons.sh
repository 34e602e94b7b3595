#!/usr/bin/env bash
# Draws src-tauri/icons/*.png from touchstone.svg. Needs rsvg-convert (librsvg2-bin).
set -euo pipefail
cd "$(dirname "$0")/../src-tauri/icons"
draw() { rsvg-convert --width "$1" --height "$1" touchstone.svg --output "$2"; }
draw 32 32x32.png
draw 128 128x128.png
draw 256 128x128@2x.png
draw 512 icon.png
