//! Which samples stand in which batch: a pure function of `(seed, epoch, position)`.
//!
//! Each epoch is a fresh permutation. The last short batch is dropped, unless the whole
//! dataset is smaller than a batch. Nothing of this needs to be saved.

use std::ops::Range;

use crate::rng::{Key, Purpose};

/// The order of `n` samples in `epoch`.
pub fn epoch_order(seed: u64, epoch: u64, n: usize) -> Vec<usize> {
    Key::new(seed, Purpose::Order).epoch(epoch).rng().permutation(n)
}

/// The order of a whole run.
#[derive(Clone, Debug)]
pub struct Order {
    seed: u64,
    samples: usize,
    batch: usize,
    cached: Option<(u64, Vec<usize>)>,
}

impl Order {
    /// The order of `samples` samples in batches of at most `batch`.
    pub fn new(seed: u64, samples: usize, batch: usize) -> Self {
        Self { seed, samples, batch: batch.clamp(1, samples.max(1)), cached: None }
    }

    /// Batches an epoch.
    pub fn steps_per_epoch(&self) -> u64 {
        ((self.samples / self.batch) as u64).max(1)
    }

    /// Epoch and positions (`0..samples`) of the batch of `step`.
    pub fn batch(&mut self, step: u64) -> (u64, &[usize]) {
        let epoch = step / self.steps_per_epoch();
        let first = (step % self.steps_per_epoch()) as usize * self.batch;
        let range: Range<usize> = first..(first + self.batch).min(self.samples);
        let (seed, samples) = (self.seed, self.samples);
        if self.cached.as_ref().is_none_or(|(e, _)| *e != epoch) {
            self.cached = Some((epoch, epoch_order(seed, epoch, samples)));
        }
        (epoch, self.cached.as_ref().map_or(&[], |(_, order)| &order[range]))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_epoch_shows_each_sample_at_most_once_and_the_next_one_in_another_order() {
        let mut order = Order::new(5, 10, 3);
        let epoch =
            |order: &mut Order, e: u64| (0..3).flat_map(|b| order.batch(e * 3 + b).1.to_vec()).collect::<Vec<_>>();
        let (first, second) = (epoch(&mut order, 0), epoch(&mut order, 1));
        assert_ne!(first, second);
        let mut seen = first.clone();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 9);
    }

    #[test]
    fn a_dataset_smaller_than_a_batch_is_one_batch() {
        let mut order = Order::new(5, 3, 64);
        assert_eq!(order.steps_per_epoch(), 1);
        assert_eq!(order.batch(7).1.len(), 3);
    }

    proptest! {
        #[test]
        fn the_batch_of_a_step_does_not_depend_on_where_one_starts(seed: u64, n in 2usize..200, batch in 1usize..40, step in 0u64..500) {
            let mut walked = Order::new(seed, n, batch);
            for s in 0..step { walked.batch(s); }
            let mut jumped = Order::new(seed, n, batch);
            prop_assert_eq!(walked.batch(step), jumped.batch(step));
        }

        #[test]
        fn an_epochs_order_is_a_bijection(seed: u64, epoch: u64, n in 1usize..300) {
            let mut order = epoch_order(seed, epoch, n);
            order.sort_unstable();
            prop_assert_eq!(order, (0..n).collect::<Vec<_>>());
        }
    }
}
