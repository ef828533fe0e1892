//! What an instance may take from the machine.
//!
//! V8 itself keeps the heap of JavaScript objects within a size that is set when an isolate is made. Near that size
//! it asks what to do: the call is ended, and room is granted for what V8 has to finish until it comes to
//! notice. The contents of array buffers are outside of that heap. They come from an allocator that counts. What
//! comes from neither (resizable buffers, the compiler's own memory) is looked at while a call runs, every
//! [`TICK`](super::TICK).

use std::{
    alloc::{Layout, alloc, alloc_zeroed, dealloc},
    ffi::c_void,
    ptr,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
};

/// What V8 may have beyond the limit between the decision to end a call and its end. It covers the largest single
/// object: an array of 2²⁷ elements.
const RESERVE_BYTES: usize = (1 << 30) + (256 << 20);

/// Alignment of the contents of array buffers.
const ALIGNMENT: usize = 16;

/// The limits of one instance and what counts towards them. Shared with V8's allocator.
#[derive(Debug)]
pub(super) struct Limits {
    /// Bytes that the heap, and the buffers outside of it, may have each.
    memory: usize,
    /// Bytes in array buffers.
    buffers: AtomicUsize,
    /// The present call was refused memory. It may do without.
    refused: AtomicBool,
    /// The present call was ended for want of memory.
    ended: AtomicBool,
    isolate: OnceLock<v8::IsolateHandle>,
}

impl Limits {
    pub(super) fn new(memory: u64) -> Arc<Self> {
        let memory = usize::try_from(memory).unwrap_or(usize::MAX);
        Arc::new(Self {
            memory,
            buffers: AtomicUsize::new(0),
            refused: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            isolate: OnceLock::new(),
        })
    }

    /// Bytes of memory, at most.
    pub(super) fn memory(&self) -> u64 {
        self.memory as u64
    }

    /// Forgets what earlier calls were refused.
    #[inline]
    pub(super) fn reset(&self) {
        self.refused.store(false, Relaxed);
        self.ended.store(false, Relaxed);
    }

    /// Whether the present call was refused memory.
    pub(super) fn was_refused(&self) -> bool {
        self.refused.load(Relaxed)
    }

    /// Whether the present call was ended for want of memory.
    pub(super) fn has_ended_call(&self) -> bool {
        self.ended.load(Relaxed)
    }

    /// Whether the host may hold that many bytes on behalf of the module.
    pub(super) fn check_held(&self, bytes: usize) -> bool {
        let fits = bytes <= self.memory;
        if !fits {
            self.refused.store(true, Relaxed);
        }
        fits
    }

    /// Parameters for an isolate within these limits.
    pub(super) fn isolate_params(self: &Arc<Self>) -> v8::CreateParams {
        static FUNCTIONS: v8::RustAllocatorVtable<Limits> = v8::RustAllocatorVtable {
            allocate: allocate_zeroed,
            allocate_uninitialized: allocate,
            free,
            drop: release,
        };
        // SAFETY: The functions take the limits that are handed over here, and `release` drops them.
        let allocator = unsafe { v8::new_rust_allocator(Arc::into_raw(Arc::clone(self)), &FUNCTIONS) };
        v8::CreateParams::default()
            .heap_limits(0, self.memory)
            .array_buffer_allocator(allocator.make_shared())
            // Nobody could ever wake the thread.
            .allow_atomics_wait(false)
    }

    /// Has V8 ask here when the heap of `isolate` is nearly full.
    ///
    /// The limits must live as long as the isolate, which has to be theirs.
    pub(super) fn watch_heap(self: &Arc<Self>, isolate: &mut v8::Isolate) {
        self.isolate.get_or_init(|| isolate.thread_safe_handle());
        let data: *const Self = Arc::as_ptr(self);
        isolate.add_near_heap_limit_callback(near_heap_limit, data.cast_mut().cast());
    }

    /// The call is ended for want of memory.
    pub(super) fn end_call(&self) {
        self.ended.store(true, Relaxed);
    }

    /// Ends the call if it has too much memory of the kinds that nobody counts as they are taken. To be called on
    /// the isolate's thread.
    pub(super) fn check_uncounted(&self, isolate: &mut v8::Isolate) {
        let statistics = isolate.get_heap_statistics();
        if statistics.external_memory().max(statistics.malloced_memory()) > self.memory {
            self.end_call();
            isolate.terminate_execution();
        }
    }

    fn count(&self, bytes: usize) -> bool {
        let fits = self
            .buffers
            .fetch_update(Relaxed, Relaxed, |held| held.checked_add(bytes).filter(|sum| *sum <= self.memory))
            .is_ok();
        if !fits {
            self.refused.store(true, Relaxed);
        }
        fits
    }
}

/// V8 is about to reach the limit of its heap. The answer is the new limit.
unsafe extern "C" fn near_heap_limit(data: *mut c_void, current: usize, initial: usize) -> usize {
    // SAFETY: `watch_heap` has passed limits that outlive the isolate.
    let limits = unsafe { &*data.cast::<Limits>() };
    limits.end_call();
    if let Some(isolate) = limits.isolate.get() {
        isolate.terminate_execution();
    }
    // Some functions of V8 go on for long before they notice. Once the reserve is used up, it gives in.
    if current > initial { current } else { current.saturating_add(RESERVE_BYTES) }
}

fn layout(len: usize) -> Option<Layout> {
    Layout::from_size_align(len.max(1), ALIGNMENT).ok()
}

unsafe extern "C" fn allocate_zeroed(limits: &Limits, len: usize) -> *mut c_void {
    // SAFETY: The layout is not empty.
    obtain(limits, len, |layout| unsafe { alloc_zeroed(layout) })
}

unsafe extern "C" fn allocate(limits: &Limits, len: usize) -> *mut c_void {
    // SAFETY: The layout is not empty.
    obtain(limits, len, |layout| unsafe { alloc(layout) })
}

fn obtain(limits: &Limits, len: usize, alloc: impl FnOnce(Layout) -> *mut u8) -> *mut c_void {
    let Some(layout) = layout(len) else { return ptr::null_mut() };
    if !limits.count(len) {
        return ptr::null_mut();
    }
    let data = alloc(layout);
    if data.is_null() {
        limits.buffers.fetch_sub(len, Relaxed);
    }
    data.cast()
}

unsafe extern "C" fn free(limits: &Limits, data: *mut c_void, len: usize) {
    if let Some(layout) = layout(len) {
        // SAFETY: V8 frees what it was given, with the length that it had asked for.
        unsafe { dealloc(data.cast(), layout) };
        limits.buffers.fetch_sub(len, Relaxed);
    }
}

unsafe extern "C" fn release(limits: *const Limits) {
    // SAFETY: It comes from `Arc::into_raw`, once.
    drop(unsafe { Arc::from_raw(limits) });
}
