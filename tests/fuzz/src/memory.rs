//! Counting what is allocated.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use orrery_host_abi::bsatn::MAX_UNITS;

/// The system's allocator, with a count.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

static ALLOCATED: AtomicUsize = AtomicUsize::new(0);
static HIGHEST: AtomicUsize = AtomicUsize::new(0);

fn grow(bytes: usize) {
    let now = ALLOCATED.fetch_add(bytes, Relaxed) + bytes;
    HIGHEST.fetch_max(now, Relaxed);
}

// SAFETY: everything is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        ALLOCATED.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        // SAFETY: as the caller promises.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        grow(new_size);
        ALLOCATED.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}

/// Does something that may have allocated that many bytes at most at any moment.
///
/// # Panics
///
/// If it had more.
pub fn bounded<T>(bytes_max: usize, act: impl FnOnce() -> T) -> T {
    let before = ALLOCATED.load(Relaxed);
    HIGHEST.store(before, Relaxed);
    let result = act();
    let taken = HIGHEST.load(Relaxed).saturating_sub(before);
    assert!(taken <= bytes_max, "{taken} bytes were allocated, which is more than {bytes_max}");
    result
}

/// What decoding that input may allocate.
pub fn limit_for(input: &[u8]) -> usize {
    // A type of one byte takes some tens of them, and what was decoded is encoded again. Units take no bytes, but each
    // of those that are allowed is a value in a list that grows, or some digits of JSON.
    256 * MAX_UNITS + 1024 * input.len()
}
