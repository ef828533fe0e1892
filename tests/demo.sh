#!/usr/bin/env bash
# Orrery at work, as a user would see it: build, start, publish, call, view, kill, start again. Fails loudly if
# any step does not do what it should.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n\033[1m%s\033[0m\n' "$*"; }
# Shows a command as it could be typed.
show() {
    printf '\033[2m$'
    for word in "$@"; do
        case $word in *[!a-zA-Z0-9_./:-]* | "") word=${word@Q} ;; esac
        printf ' %s' "$word"
    done
    printf '\033[0m\n'
}
fail() { printf '\033[1;31mThe demo failed: %s\033[0m\n' "$*" >&2; exit 1; }

step "Building Orrery"
target=${CARGO_TARGET_DIR:-$PWD/target}
binary=$target/release/orrery
cargo build --release --package orrery
orrery() { show orrery "$@"; "$binary" "$@"; }

folder=$(mktemp -d)
server=
kill_server() {
    kill -9 "$server" || true
    # The shell would report it dead at some later moment.
    wait "$server" 2>/dev/null || true
}
cleanup() {
    status=$?
    if [ -n "$server" ]; then kill_server; fi
    if [ "$status" != 0 ] && [ -f "$folder/server.log" ]; then cat "$folder/server.log" >&2; fi
    rm -rf "$folder"
}
trap cleanup EXIT

# Everything of this demo lies in one folder, the identity of its user as well.
export ORRERY_CONFIG=$folder/config.toml
export ORRERY_SERVER=http://127.0.0.1:${DEMO_PORT:-3210}
start() {
    # Not through the function above: the process that is killed must be the server itself.
    "$binary" start --data-dir "$folder/data" \
        --listen-addr "${ORRERY_SERVER#http://}" >>"$folder/server.log" 2>&1 &
    server=$!
    for _ in $(seq 600); do
        kill -0 "$server" 2>/dev/null || fail "the server ended at once"
        if curl -sf "$ORRERY_SERVER/v1/ping"; then return; fi
        sleep 0.1
    done
    fail "the server does not answer"
}

step "Starting the server; its data lies in $folder/data"
start

step "Publishing a Rust module, written with the official spacetimedb crate"
(
    . tests/wasm-env.sh
    export CARGO_TARGET_DIR=$target/modules
    orrery publish guestbook --project-path tests/modules/demo
)

step "Publishing the same in TypeScript: one file with Orrery's own SDK. Node.js is not needed, so it is hidden"
(
    export PATH=/nowhere
    orrery publish tests/modules/demo/guestbook.ts guestbook-ts
)

books=(guestbook guestbook-ts)
for book in "${books[@]}"; do
    step "Calling the reducers of $book, from the command line and with curl"
    orrery call "$book" sign Ada "Lovely place."
    sign=(curl -sf "$ORRERY_SERVER/v1/database/$book/call/sign" -H 'content-type: application/json'
        -d '["Grace", "Found a bug, left it in the book."]')
    show "${sign[@]}"
    "${sign[@]}"
    if orrery call "$book" sign "" "I have no name"; then fail "an entry without a name was taken"; fi
done

# Prints what readers see of a guestbook.
read_book() { curl -sf "$ORRERY_SERVER/v1/database/$1/view/guestbook"; }

step "Reading a view of each with curl"
declare -A before
for book in "${books[@]}"; do
    show curl -sf "$ORRERY_SERVER/v1/database/$book/view/guestbook"
    before[$book]=$(read_book "$book")
    echo "${before[$book]}"
    case ${before[$book]} in *Ada*Grace*) ;; *) fail "the entries are not there" ;; esac
done

step "Killing the server with kill -9"
kill_server
server=
if curl -s "$ORRERY_SERVER/v1/ping"; then fail "the server is still there"; fi
ls -l "$folder"/data/databases/*/*.redb

step "Starting it again: the data is there"
start
for book in "${books[@]}"; do
    [ "${before[$book]}" = "$(read_book "$book")" ] || fail "the data is not what it was"
    orrery view "$book" guestbook
done

step "Done"
