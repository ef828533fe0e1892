//! V8 as a process has it: one, started when the first program needs it, never ended.

use std::sync::Once;

use super::contain;

/// Threads for what V8 does beside running modules: compiling hot functions, marking and sweeping. All isolates
/// of the process share them, and each does all of it on its own when they are busy.
const BACKGROUND_THREADS: u32 = 2;

/// What numbers and dates look like unless a module names a language.
const LOCALE: &str = "en-001";

/// How much V8 may inline into a hot function, in bytes of bytecode: of one function, and of all together; twice and
/// three times what it does by itself. Reducers go through many small functions of the bindings, and with those
/// inlined most objects on the way are never made. A tenth less time for a transfer, not counting the store.
const INLINING: &str = "--max-inlined-bytecode-size=920 --max-inlined-bytecode-size-cumulative=3000";

/// Bytes in a page of WebAssembly's memory.
const WASM_PAGE_BYTES: u64 = 1 << 16;

/// Starts V8. Only the first call does anything, so only its limit counts.
pub(super) fn start(memory_limit: u64) {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        v8::icu::set_common_data_77(deno_core_icudata::ICU_DATA)
            .expect("the data is of the version of the ICU");
        v8::icu::set_default_locale(LOCALE);
        // Memories of WebAssembly inside JavaScript do not come from the allocator that counts.
        let pages = (memory_limit / WASM_PAGE_BYTES).clamp(1, 1 << 16);
        v8::V8::set_flags_from_string(&format!("--wasm-max-mem-pages={pages}"));
        v8::V8::set_flags_from_string(INLINING);
        // Protection keys would restrict isolates to descendants of this thread, but databases come and go on
        // threads of their own.
        let platform = v8::new_unprotected_default_platform(BACKGROUND_THREADS, false).make_shared();
        v8::V8::initialize_platform(platform);
        v8::V8::initialize();
        contain::prepare();
    });
}
