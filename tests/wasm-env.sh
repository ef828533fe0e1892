# Source this before building a module: it decides, in one place, which compiler can build for wasm32.
#
# Where `rustup target add wasm32-unknown-unknown` has worked, nothing is to be done. Where rustup can fetch
# nothing, Debian's compiler builds the library too, from Debian's copy of its source.

wasm_target_installed() {
    test -d "$(rustc --print sysroot)/lib/rustlib/wasm32-unknown-unknown/lib"
}

debian_rustc_installed() {
    test -x /usr/bin/rustc && test -d "$(/usr/bin/rustc --print sysroot)/lib/rustlib/src/rust/library/std"
}

# Debian's linker is a link that dangles unless its lld is installed as well; rustup's serves too.
wasm_linker() {
    command -v rust-lld || find "$(rustc --print sysroot)/lib/rustlib" -name rust-lld -type f | grep -m 1 .
}

if ! wasm_target_installed; then
    if ! debian_rustc_installed || ! wasm_linker >/dev/null; then
        echo "no compiler for wasm32-unknown-unknown: run 'make setup'" >&2
        exit 1
    fi
    CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=$(wasm_linker)
    export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER
    export RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 CARGO_UNSTABLE_BUILD_STD=std,panic_abort
fi
