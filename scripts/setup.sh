#!/usr/bin/env bash
# Installs what Touchstone is built with, where it is missing, and says what it does.
# Sourced by start.sh and test.sh; by itself (`./scripts/setup.sh`) it installs everything.
# Knows Debian 12 and Ubuntu 24.04; elsewhere it names what to install and goes on.
# Nothing is installed twice: when all is there, it takes a fraction of a second.

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
rust_needed=1.94
# Installed when Rust is missing: the one whose lints the code is known to pass.
rust_installed=1.95.0
node_needed=20.19
# Installed when Node is missing or too old; from the npm registry, which `npm ci`
# needs anyway, because both distributions package Node 18.
node_installed=22.23.3
npm_installed=10.9.9

packages_build=(build-essential pkg-config curl ca-certificates libssl-dev libwebkit2gtk-4.1-dev)
# CJK and emoji fonts: one of the sample policies is Chinese.
packages_window=(fonts-dejavu-core fonts-noto-cjk fonts-noto-color-emoji)
packages_test=(xvfb xauth webkit2gtk-driver python3)

say() { printf '\033[1;33m▸\033[0m %s\n' "$*" >&2; }
fail() {
  printf '\033[1;31m✗\033[0m %s\n' "$*" >&2
  exit 1
}
has() { command -v "$1" >/dev/null 2>&1; }
# at_least HAVE NEEDED: compares dotted versions.
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n1)" = "$2" ]; }

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif has sudo; then
    sudo "$@"
  else
    fail "This needs root, and sudo is not installed. As root, run: $*"
  fi
}

# Installs those of the named Debian packages that are missing.
install_packages() {
  local missing=() name
  if ! has dpkg-query || ! has apt-get; then
    say "Not a Debian or Ubuntu system; make sure that these are installed: $*"
    return
  fi
  for name in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] ||
      missing+=("$name")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  say "Installing system packages: ${missing[*]}"
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    "${missing[@]}" >/dev/null
}

install_rust() {
  [ -d "$HOME/.cargo/bin" ] && PATH="$HOME/.cargo/bin:$PATH"
  local have=0
  has cargo && has rustc && have="$(rustc --version | cut -d' ' -f2)"
  if at_least "$have" "$rust_needed"; then
    return
  fi
  if has rustup; then
    say "Rust $have is older than $rust_needed; installing $rust_installed with rustup"
    rustup toolchain install "$rust_installed" --no-self-update --profile minimal \
      --component rustfmt --component clippy
    export RUSTUP_TOOLCHAIN="$rust_installed"
  else
    say "Installing the Rust toolchain with rustup into ~/.rustup and ~/.cargo"
    # The script that https://sh.rustup.rs serves, from the host that serves the toolchains.
    curl --proto '=https' --tlsv1.2 -sSf https://static.rust-lang.org/rustup/rustup-init.sh |
      sh -s -- -y -q --no-modify-path --default-toolchain "$rust_installed" \
        --profile minimal --component rustfmt --component clippy
    PATH="$HOME/.cargo/bin:$PATH"
  fi
  has rustc && have="$(rustc --version | cut -d' ' -f2)"
  at_least "$have" "$rust_needed" ||
    fail "Rust $rust_needed or newer is needed, and $have is first on PATH. Install it from https://rustup.rs"
}

node_is_new() { has node && has npm && at_least "$(node --version | tr -d v)" "$node_needed"; }

install_node() {
  local tools="$root/.tools/node"
  [ -d "$tools" ] && PATH="$tools/node_modules/.bin:$PATH"
  if node_is_new; then
    return
  fi
  say "Installing Node $node_installed into .tools/ (the system's is missing or older than $node_needed)"
  has npm || install_packages nodejs npm
  has npm || fail "npm is missing. Install Node $node_needed or newer from https://nodejs.org"
  mkdir -p "$tools"
  # `node` on npm is a package whose install script fetches the prebuilt binary.
  npm install --prefix "$tools" --no-save --no-audit --no-fund --loglevel=error \
    "node@$node_installed" "npm@$npm_installed" >&2
  PATH="$tools/node_modules/.bin:$PATH"
  hash -r
  node_is_new || fail "Node $node_needed or newer is needed. Install it from https://nodejs.org"
}

# install_node_packages FOLDER: `npm ci`, unless that lock file is installed already.
install_node_packages() {
  local folder="$root/$1" stamp
  stamp="$folder/node_modules/.installed-$(sha256sum "$folder/package-lock.json" | cut -c1-16)"
  [ -e "$stamp" ] && return
  say "Installing the Node packages of $1/"
  (cd "$folder" && npm ci --no-audit --no-fund --loglevel=error >&2)
  touch "$stamp"
}

# Builds ui/dist, which the desktop app embeds, unless it is newer than its sources.
build_ui() {
  local built="$root/ui/dist/index.html"
  if [ -e "$built" ] && [ -z "$(find "$root/ui" -path "$root/ui/node_modules" -prune -o \
    -path "$root/ui/dist" -prune -o -type f -newer "$built" -print -quit)" ]; then
    return
  fi
  say "Building the window's pages (ui/dist)"
  (cd "$root/ui" && npm run --silent build >&2)
}

# Runs a command in its own process group under a virtual display, and ends the whole
# group afterwards: a window can outlive the program that opened it.
under_display() {
  local status=0 group
  set -m
  xvfb-run --auto-servernum --server-args='-screen 0 1600x1000x24' "$@" &
  group=$!
  set +m
  trap 'kill -- -'"$group"' 2>/dev/null || true' EXIT INT TERM
  wait "$group" || status=$?
  kill -- "-$group" 2>/dev/null || true
  trap - EXIT INT TERM
  return "$status"
}

# Where cargo puts what it builds, whichever way that was configured.
target_folder() {
  cargo metadata --locked --no-deps --format-version 1 --manifest-path "$root/Cargo.toml" |
    sed 's/.*"target_directory":"\([^"]*\)".*/\1/'
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
  set -euo pipefail
  install_packages "${packages_build[@]}" "${packages_window[@]}" "${packages_test[@]}"
  install_rust
  install_node
  install_node_packages ui
  say "Ready: Rust $(rustc --version | cut -d' ' -f2), Node $(node --version)"
fi
