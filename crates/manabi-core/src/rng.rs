//! Keyed, counter-based randomness: every random number is a pure function of
//! `(seed, purpose, epoch, sample, view)`.
//!
//! Nothing is drawn from a global generator, so the order in which threads work, a
//! resume in mid-epoch or a second resume cannot change a single bit. The generator
//! is ChaCha8 (256-bit key = the five fields, no hashing, so keys never collide).
//! Cost: one ChaCha block (~30 ns) a key.

use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What the numbers are for: two purposes never share a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Purpose {
    /// Initial values of parameters; `sample` is the hash of the parameter's name.
    Init = 1,
    /// The order of samples in an epoch.
    Order = 2,
    /// Augmentation of one view of one sample.
    Augment = 3,
    /// Dropout masks.
    Dropout = 4,
    /// Masks of masked prediction.
    Mask = 5,
    /// What else a method draws (prototypes, queues, codes).
    Method = 6,
    /// Splits and label budgets.
    Split = 7,
    /// Bootstrap, permutation tests, k-means, maps.
    Eval = 8,
    /// Generated data.
    Synthetic = 9,
    /// What joins the samples of a batch (mixup); `sample` is the step.
    Mix = 10,
}

/// The full key of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// The run's seed.
    pub seed: u64,
    /// What the numbers are for.
    pub purpose: Purpose,
    /// Epoch (or any other outer counter).
    pub epoch: u64,
    /// Sample index (or any other inner counter).
    pub sample: u64,
    /// View number.
    pub view: u32,
}

impl Key {
    /// A key with epoch, sample and view zero.
    pub fn new(seed: u64, purpose: Purpose) -> Self {
        Self { seed, purpose, epoch: 0, sample: 0, view: 0 }
    }

    /// The same key for another epoch.
    pub fn epoch(self, epoch: u64) -> Self {
        Self { epoch, ..self }
    }

    /// The same key for another sample.
    pub fn sample(self, sample: u64) -> Self {
        Self { sample, ..self }
    }

    /// The same key for another view.
    pub fn view(self, view: u32) -> Self {
        Self { view, ..self }
    }

    /// The stream of this key, from its start.
    pub fn rng(self) -> Rng {
        let mut bytes = [0u8; 32];
        bytes[..8].copy_from_slice(&self.seed.to_le_bytes());
        bytes[8..12].copy_from_slice(&(self.purpose as u32).to_le_bytes());
        bytes[12..16].copy_from_slice(&self.view.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.epoch.to_le_bytes());
        bytes[24..].copy_from_slice(&self.sample.to_le_bytes());
        Rng { inner: ChaCha8Rng::from_seed(bytes), spare: None }
    }
}

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub struct Rng {
    inner: ChaCha8Rng,
    spare: Option<f32>,
}

impl Rng {
    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.inner.next_u64()
    }

    /// Uniform in `[0, 1)`, 24 bits.
    pub fn uniform(&mut self) -> f32 {
        (self.inner.next_u32() >> 8) as f32 / (1u32 << 24) as f32
    }

    /// Uniform in `[low, high)`.
    pub fn range(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.uniform()
    }

    /// Uniform integer in `0..n` without modulo bias (Lemire's multiply-shift); 0 when `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.inner.next_u64()) * n as u128) >> 64) as usize
    }

    /// True with probability `p`.
    pub fn chance(&mut self, p: f32) -> bool {
        self.uniform() < p
    }

    /// Standard normal (Box–Muller, both values used).
    pub fn normal(&mut self) -> f32 {
        if let Some(value) = self.spare.take() {
            return value;
        }
        // 1 - u is in (0, 1], so the logarithm is finite.
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        let (sin, cos) = (std::f32::consts::TAU * self.uniform()).sin_cos();
        self.spare = Some(radius * sin);
        radius * cos
    }

    /// Shuffles in place (Fisher–Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }

    /// A random permutation of `0..n`.
    pub fn permutation(&mut self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        self.shuffle(&mut order);
        order
    }
}

/// A stable 64-bit hash of a name, for keys (the first eight bytes of BLAKE3).
pub fn hash_name(name: &str) -> u64 {
    let mut bytes = [0u8; 8];
    bytes.copy_from_slice(&blake3::hash(name.as_bytes()).as_bytes()[..8]);
    u64::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_of_the_key_changes_the_stream() {
        let base = Key::new(1, Purpose::Augment);
        let keys = [
            base,
            Key::new(2, Purpose::Augment),
            Key::new(1, Purpose::Mask),
            base.epoch(1),
            base.sample(1),
            base.view(1),
        ];
        let firsts: Vec<u64> = keys.iter().map(|k| k.rng().bits()).collect();
        for i in 0..firsts.len() {
            for j in 0..i {
                assert_ne!(firsts[i], firsts[j]);
            }
        }
    }

    #[test]
    fn the_same_key_gives_the_same_stream_on_every_machine() {
        let mut rng = Key::new(42, Purpose::Order).epoch(3).rng();
        let again = Key::new(42, Purpose::Order).epoch(3).rng().bits();
        assert_eq!(rng.bits(), again);
        assert_eq!(hash_name("encoder.conv1.weight"), hash_name("encoder.conv1.weight"));
    }

    #[test]
    fn normal_numbers_have_mean_zero_and_variance_one() {
        let mut rng = Key::new(7, Purpose::Init).rng();
        let xs: Vec<f64> = (0..100_000).map(|_| f64::from(rng.normal())).collect();
        let mean = xs.iter().sum::<f64>() / xs.len() as f64;
        let var = xs.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / xs.len() as f64;
        assert!(mean.abs() < 0.02, "mean {mean}");
        assert!((var - 1.0).abs() < 0.02, "variance {var}");
    }

    #[test]
    fn a_permutation_holds_every_index_once() {
        let mut order = Key::new(0, Purpose::Order).rng().permutation(1000);
        assert_ne!(order, (0..1000).collect::<Vec<_>>());
        order.sort_unstable();
        assert_eq!(order, (0..1000).collect::<Vec<_>>());
    }
}
