#!/usr/bin/env bash
# Keeps a server's key in a real Secret Service (gnome-keyring on a session bus of its own):
# stores it, judges with it, removes it, and looks for it in every file that came to be. Not
# part of test.sh: it needs gnome-keyring, dbus and secret-tool.
set -euo pipefail
. "$(dirname "$0")/setup.sh"

if [ "${1:-}" = --help ] || [ "${1:-}" = -h ]; then
  cat <<'HELP'
Usage: ./scripts/check-keychain.sh

Builds `touchstone`, or takes the program that TOUCHSTONE_BINARY names. Starts a session bus
and an unlocked keyring in a temporary home, and `touchstone serve` behind a token on
loopback; the token is the key that must be kept. Ends with status 0 when every check passed.
Needs: apt-get install gnome-keyring dbus libsecret-tools
HELP
  exit 0
fi

cd "$root"
for tool in dbus-run-session gnome-keyring-daemon secret-tool; do
  command -v "$tool" > /dev/null || fail "$tool is missing: apt-get install gnome-keyring dbus libsecret-tools"
done

if [ -z "${CHECK_KEYCHAIN_WORK:-}" ]; then
  if [ -z "${TOUCHSTONE_BINARY:-}" ]; then
    cargo build --locked --workspace --bin touchstone
    TOUCHSTONE_BINARY="$(target_folder)/debug/touchstone"
  fi
  TOUCHSTONE_BINARY="$(realpath "$TOUCHSTONE_BINARY")"
  CHECK_KEYCHAIN_WORK="$(mktemp -d)"
  trap 'rm -rf "$CHECK_KEYCHAIN_WORK"' EXIT
  home="$CHECK_KEYCHAIN_WORK/searched/home"
  mkdir -p "$home/run" "$CHECK_KEYCHAIN_WORK/server"
  chmod 700 "$home/run"
  export CHECK_KEYCHAIN_WORK TOUCHSTONE_BINARY HOME="$home" XDG_RUNTIME_DIR="$home/run"
  # Nothing of the caller's may answer in place of what is tested.
  unset TOUCHSTONE_KEYS XDG_CONFIG_HOME XDG_DATA_HOME XDG_CACHE_HOME DBUS_SESSION_BUS_ADDRESS
  dbus-run-session -- "$root/scripts/check-keychain.sh"
  exit 0
fi

work="$CHECK_KEYCHAIN_WORK"
searched="$work/searched"
server=""
keyring=""
finish() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  [ -z "$keyring" ] || kill "$keyring" 2>/dev/null || true
}
trap finish EXIT
wrong() { printf 'WRONG  %s\n' "$*" >&2; exit 1; }

printf 'a password' | gnome-keyring-daemon --unlock --foreground --components=secrets \
  > "$work/keyring.log" 2>&1 &
keyring=$!
# Asking the service itself would have the bus start another one, which is locked.
owned() {
  dbus-send --session --print-reply --dest=org.freedesktop.DBus / \
    org.freedesktop.DBus.NameHasOwner string:org.freedesktop.secrets | grep 'boolean true' > /dev/null
}
for _ in $(seq 100); do
  owned && break
  kill -0 "$keyring" 2>/dev/null || { cat "$work/keyring.log" >&2; wrong "the keyring did not start"; }
  sleep 0.1
done
printf probe | secret-tool store --label probe probe probe 2> "$work/secret-tool.log" || true
[ "$(secret-tool lookup probe probe)" = probe ] || wrong "the keyring keeps nothing: $(cat "$work/secret-tool.log")"
secret-tool clear probe probe

# The server and its own file of tokens stand outside of what is searched.
key="$(head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n')"
(umask 077 && printf '%s\n' "$key" > "$work/server/token")
mkdir -p "$work/server/policies" "$searched/space/policies" "$searched/space/fixtures"
for space in "$work/server" "$searched/space"; do cp policies/tobacco.md "$space/policies/"; done
head -n 8 fixtures/tobacco.jsonl > "$searched/space/fixtures/tobacco.jsonl"
export TOUCHSTONE_PEBBLE="$root/fixtures/pebble"
"$TOUCHSTONE_BINARY" serve --workspace "$work/server" --policy tobacco --port 0 \
  --token-file "$work/server/token" --json > "$work/ready" 2> "$work/serve.log" &
server=$!
for _ in $(seq 600); do
  [ -s "$work/ready" ] && break
  kill -0 "$server" 2>/dev/null || { cat "$work/serve.log" >&2; wrong "the server did not start"; }
  sleep 0.1
done
url="$(sed 's/.*"url":"\([^"]*\)".*/\1/' "$work/ready")"
address="$url/v1#pebble"

# All that the program can be made to say goes into files that are searched.
cd "$searched/space"
export TOUCHSTONE_LOG=trace
at=0
touchstone() {
  at=$((at + 1))
  "$TOUCHSTONE_BINARY" "$@" > "$searched/said-$at.out" 2> "$searched/said-$at.log"
}
said() { cat "$searched/said-$at.out" "$searched/said-$at.log"; }
stored() { secret-tool lookup service touchstone username "$url" 2> /dev/null || true; }

touchstone server test "$address" && wrong "a server with a token answered without a key"
said | grep "wants a key" > /dev/null || wrong "without a key: $(said | tail -n 5)"
echo "ok  without a key the server refuses"

touchstone server key "$address" < "$work/server/token" || wrong "storing: $(said | tail -n 5)"
said | grep "is in the system's keychain" > /dev/null || wrong "not in the keychain: $(said | tail -n 5)"
[ "$(stored)" = "$key" ] || wrong "the Secret Service does not have the key"
echo "ok  stored in the Secret Service, and read back from it with secret-tool"

touchstone server add "$address" || wrong "adding: $(said | tail -n 5)"
touchstone run --policy tobacco --model "$address" --json || wrong "judging: $(said | tail -n 5)"
count="$(grep -o '"verdict":"[a-z]*"' "$searched/said-$at.out" | wc -l)"
[ "$count" -ge 8 ] || wrong "$count verdicts of 8 cases"
touchstone bundle export --policy tobacco --output ../run.tsbundle || wrong "the bundle: $(said | tail -n 5)"
mkdir ../unpacked
touchstone bundle verify ../run.tsbundle || wrong "verifying: $(said | tail -n 5)"
"$TOUCHSTONE_BINARY" bundle export --policy tobacco --as opa --output ../unpacked/opa > /dev/null 2>&1 \
  || wrong "the export for Open Policy Agent"
echo "ok  judged 8 cases with it, and made a bundle of the run"

# Packed files are searched unpacked as well.
python3 - "$searched" "$key" <<'PYTHON' || wrong "the key is in a file"
import base64, gzip, io, os, sys, tarfile, zipfile

folder, key = sys.argv[1], sys.argv[2].encode()
needles = [key, base64.b64encode(key).rstrip(b"="), key.hex().encode(),
           ", ".join(str(byte) for byte in key).encode()]
found, files, bytes_read = [], 0, 0

def search(name, data, depth=0):
    global files, bytes_read
    files, bytes_read = files + 1, bytes_read + len(data)
    if any(needle in data for needle in needles):
        found.append(name)
    if depth > 3:
        return
    if data[:2] == b"\x1f\x8b":
        search(name + " (unpacked)", gzip.decompress(data), depth + 1)
    elif data[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for member in archive.namelist():
                search(f"{name}:{member}", archive.read(member), depth + 1)
    elif data[257:262] == b"ustar":
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            for member in archive:
                if member.isfile():
                    search(f"{name}:{member.name}", archive.extractfile(member).read(), depth + 1)

for place, _, names in os.walk(folder):
    for name in names:
        path = os.path.join(place, name)
        if os.path.isfile(path) and not os.path.islink(path):
            with open(path, "rb") as file:
                search(os.path.relpath(path, folder), file.read())
for name in found:
    print("the key stands in", name, file=sys.stderr)
kinds = {os.path.splitext(name)[1] for _, _, names in os.walk(folder) for name in names}
# A search that saw no database, bundle or keyring would prove nothing.
for kind in (".db", ".tsbundle", ".keyring", ".log"):
    if kind not in kinds:
        sys.exit(f"no file ends with {kind}: {sorted(kinds)}")
print(f"ok  in none of {files} files and packed files ({bytes_read} bytes): "
      "workspace, database, logs, bundle, home, keyring")
sys.exit(1 if found else 0)
PYTHON
[ ! -e "$HOME/.config/touchstone/keys.json" ] || wrong "there is a file of keys beside the keychain"

touchstone server key "$address" --remove || wrong "removing: $(said | tail -n 5)"
[ -z "$(stored)" ] || wrong "the Secret Service still has the key"
touchstone server test "$address" && wrong "the removed key is still used"
echo "ok  removed, and the server refuses again"

# A keychain that stands and is locked is an error, never a reason for the file.
touchstone server key "$address" < "$work/server/token" || wrong "storing again: $(said | tail -n 5)"
kill "$keyring" && wait "$keyring" 2>/dev/null || true
keyring=""
gnome-keyring-daemon --start --foreground --components=secrets > "$work/locked.log" 2>&1 &
keyring=$!
sleep 1
if env -u TOUCHSTONE_LOG timeout 20 "$TOUCHSTONE_BINARY" server test "$address" > "$searched/locked.out" 2>&1; then
  wrong "a locked keychain gave the key"
fi
[ ! -e "$HOME/.config/touchstone/keys.json" ] || wrong "a locked keychain made a file of keys"
echo "ok  locked: $(tail -n 1 "$searched/locked.out" | cut -c 1-120)"
echo "All checks passed"
