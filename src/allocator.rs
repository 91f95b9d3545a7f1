//! The process's allocator: mimalloc in the place of the C library's, for Rust and C alike. It counts what Rust asks for while somebody measures.
#![allow(unsafe_code)] // an allocator cannot be written without

use std::alloc::{GlobalAlloc, Layout, System};
use std::ffi::{c_int, c_long};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use mimalloc as _; // linked: `malloc` is its own then. Its Rust interface asks for alignment each time, which takes four times as many steps.

pub struct Allocator;

static COUNTING: AtomicBool = AtomicBool::new(false);
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

/// Lets the count begin at 0. It costs whoever allocates a few nanoseconds, so speed is measured without it.
pub fn count_allocations() {
    ALLOCATIONS.store(0, Relaxed);
    COUNTING.store(true, Relaxed);
}

/// Ends the count and answers it, of all threads; 0 where the program has another allocator.
pub fn allocations_counted() -> u64 {
    COUNTING.store(false, Relaxed);
    ALLOCATIONS.load(Relaxed)
}

unsafe extern "C" {
    fn mi_option_set_default(option: c_int, value: c_long);
}

/// `mi_option_purge_delay` of mimalloc, whose bindings leave it out.
const PURGE_DELAY: c_int = 15;
/// What a turn frees the next one takes again. With mimalloc's own second in between, the system takes pages away and clears new ones all the
/// time: a tenth of what capturing costs.
const PURGE_DELAY_MS: c_long = 10_000;

/// Freed memory goes back to the system later than by default; MIMALLOC_PURGE_DELAY in the environment has the last word.
pub fn keep_freed_memory() {
    // SAFETY: it stores a number, and is called before there are other threads.
    unsafe { mi_option_set_default(PURGE_DELAY, PURGE_DELAY_MS) }
}

fn count() {
    if COUNTING.load(Relaxed) {
        ALLOCATIONS.fetch_add(1, Relaxed);
    }
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::c_void;

    use super::*;

    unsafe extern "C" {
        fn mi_option_get(option: c_int) -> c_long;
        fn mi_is_in_heap_region(pointer: *const c_void) -> bool;
    }

    #[test]
    fn memory_is_mimallocs() {
        let memory = Box::new(1);
        // SAFETY: looks a pointer up, whatever it points to.
        assert!(unsafe { mi_is_in_heap_region(std::ptr::from_ref(&*memory).cast()) });
    }

    #[test]
    fn the_option_is_the_delay_that_is_meant() {
        // SAFETY: reads a number. That it is the default tells that the option's place in the list has not moved.
        assert_eq!(unsafe { mi_option_get(PURGE_DELAY) }, 1_000);
        keep_freed_memory();
        assert_eq!(unsafe { mi_option_get(PURGE_DELAY) }, PURGE_DELAY_MS);
    }
}
