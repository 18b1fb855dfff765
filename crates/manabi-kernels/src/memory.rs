//! Reuse of large buffers.
//!
//! A fresh page costs about ten times as much as a copy into a page that is already mapped, and a training step
//! allocates the same sizes over and over. [`Scratch`] keeps working buffers in the thread that used them;
//! [`tune_allocator`] makes glibc keep freed tensors instead of giving their pages back to the system.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

/// Buffers that a thread keeps at most.
const KEPT: usize = 8;

thread_local! {
    static POOL: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

/// A working buffer of this thread, given back when dropped; what it holds at first is unspecified.
///
/// It is taken out of the thread's pool, never borrowed from it, so that a rayon task that is stolen in between can
/// take its own.
#[derive(Debug)]
pub struct Scratch {
    values: Vec<f32>,
    len: usize,
}

impl Scratch {
    /// A buffer of `len` elements.
    pub fn new(len: usize) -> Self {
        let kept = POOL.with(|pool| {
            let mut pool = pool.try_borrow_mut().ok()?;
            let fits = |v: &Vec<f32>| v.len() >= len;
            // The smallest that fits, or else the largest, which then grows.
            let best = match pool.iter().enumerate().filter(|(_, v)| fits(v)).min_by_key(|(_, v)| v.len()) {
                Some((i, _)) => i,
                None => pool.iter().enumerate().max_by_key(|(_, v)| v.len())?.0,
            };
            Some(pool.swap_remove(best))
        });
        let mut values = kept.unwrap_or_default();
        if values.len() < len {
            // Not `resize`: the old contents need not move.
            values = Vec::new();
            values.resize(len, 0.0);
        }
        Self { values, len }
    }

    /// A buffer of `len` zeros.
    pub fn zeros(len: usize) -> Self {
        let mut scratch = Self::new(len);
        scratch.fill(0.0);
        scratch
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let values = std::mem::take(&mut self.values);
        // The pool may be gone already when the thread ends.
        let _ = POOL.try_with(|pool| {
            if let Ok(mut pool) = pool.try_borrow_mut() {
                pool.push(values);
                if pool.len() > KEPT
                    && let Some((smallest, _)) = pool.iter().enumerate().min_by_key(|(_, v)| v.len())
                {
                    pool.swap_remove(smallest);
                }
            }
        });
    }
}

impl Deref for Scratch {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        &self.values[..self.len]
    }
}

impl DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.values[..self.len]
    }
}

/// Keeps candle's own thread pool from spinning beside rayon's: on two cores a thread that waits busily takes half of
/// the machine from the one that works. For a program's `main`, before it starts threads or uses tensors.
pub fn quiet_candle_threads() {
    for name in ["CANDLE_NUM_THREADS", "CANDLE_BARRIER_POOL_SPIN_LIMIT"] {
        if std::env::var_os(name).is_none() {
            // SAFETY: called first in `main`, when no other thread can read the environment.
            unsafe { std::env::set_var(name, "1") };
        }
    }
}

/// A vector of `len` elements that `fill` writes, without zeros being written before.
///
/// # Safety
/// `fill` writes every element before it reads it, and all of them before it returns without an error.
pub(crate) unsafe fn build<E>(len: usize, fill: impl FnOnce(&mut [f32]) -> Result<(), E>) -> Result<Vec<f32>, E> {
    let mut values: Vec<f32> = Vec::with_capacity(len);
    // SAFETY: the allocation holds `len` elements, any bits are a valid `f32`, and the caller promises that none is
    // read before it is written.
    fill(unsafe { std::slice::from_raw_parts_mut(values.as_mut_ptr(), len) })?;
    // SAFETY: the caller promises that all `len` elements have been written.
    unsafe { values.set_len(len) };
    Ok(values)
}

/// As [`build`], for what cannot fail.
///
/// # Safety
/// As for [`build`].
pub(crate) unsafe fn built(len: usize, fill: impl FnOnce(&mut [f32])) -> Vec<f32> {
    let done = |values: &mut [f32]| {
        fill(values);
        Ok::<(), std::convert::Infallible>(())
    };
    // SAFETY: the caller's promise is the one that `build` asks for.
    match unsafe { build(len, done) } {
        Ok(values) => values,
        Err(never) => match never {},
    }
}

/// Makes the allocator keep freed memory for the next tensor; call it once, at the start of a program.
///
/// Returns true if the allocator took the settings: glibc on Linux. Elsewhere it does nothing and returns false. The
/// process then holds the memory of its largest step until it ends.
pub fn tune_allocator() -> bool {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // SAFETY: mallopt only sets parameters of the allocator, and may be called at any time.
        let set = |parameter, value| unsafe { libc::mallopt(parameter, value) } == 1;
        // No allocation of its own mapping, nothing given back, and growth in steps of 64 MiB.
        let mapped = set(libc::M_MMAP_MAX, 0);
        let trimmed = set(libc::M_TRIM_THRESHOLD, -1);
        let padded = set(libc::M_TOP_PAD, 64 << 20);
        mapped && trimmed && padded
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scratch_buffer_has_the_length_asked_for_and_is_reused() {
        let first = Scratch::new(100);
        assert_eq!(first.len(), 100);
        let address = first.as_ptr();
        drop(first);
        let second = Scratch::new(60);
        assert_eq!((second.len(), second.as_ptr()), (60, address));
        let third = Scratch::zeros(50);
        assert_ne!(third.as_ptr(), address);
        assert!(third.iter().all(|v| *v == 0.0));
    }

    #[test]
    fn a_built_vector_holds_what_was_written() {
        // SAFETY: `fill` writes every element.
        let values = unsafe { built(5, |v| v.iter_mut().enumerate().for_each(|(i, x)| *x = i as f32)) };
        assert_eq!(values, [0.0, 1.0, 2.0, 3.0, 4.0]);
    }

    #[test]
    fn the_allocator_can_be_tuned_twice_and_still_allocates() {
        let taken = tune_allocator();
        assert_eq!(taken, tune_allocator());
        assert_eq!(vec![1f32; 1 << 20].iter().sum::<f32>(), (1 << 20) as f32);
    }
}
