#!/usr/bin/env bash
# Checks every query of crates/store against a database made from its migrations and
# writes what was found to .sqlx/, so that building needs no database.
# With --check it changes nothing and fails when the committed files are stale.
# It compiles the whole workspace, the app included, which wants ui/dist to be built.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 - "$work/dev.db" crates/store/migrations/*.sql <<'PYTHON'
import sqlite3, sys
database = sqlite3.connect(sys.argv[1])
for migration in sys.argv[2:]:
    database.executescript(open(migration, encoding="utf-8").read())
PYTHON

mkdir "$work/sqlx"
# The macros see only sources that are compiled again.
touch crates/store/src/lib.rs
SQLX_OFFLINE=false SQLX_OFFLINE_DIR="$work/sqlx" DATABASE_URL="sqlite://$work/dev.db" \
    cargo test --quiet --workspace --lib --no-run
touch crates/store/src/lib.rs

if [ "${1:-}" = "--check" ]; then
    if ! diff -ru .sqlx "$work/sqlx"; then
        echo "sqlx: .sqlx is stale; run ./scripts/sqlx.sh and commit the result" >&2
        exit 1
    fi
else
    rm -rf .sqlx
    mv "$work/sqlx" .sqlx
fi
