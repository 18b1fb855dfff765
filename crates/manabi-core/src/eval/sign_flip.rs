//! The paired test: a sign-flip permutation over differences.
//!
//! Under "no difference" each unit's difference is as likely with the other sign. Exact up to 20 units that differ,
//! and where all differences are of one size (then it is McNemar's binomial test); else Monte-Carlo with
//! `p = (b + 1) / (B + 1)`. Cost: `resamples · units`, in parallel.

use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// The two-sided p of a sign-flip test that the differences are symmetric about 0, and whether it is exact.
pub fn sign_flip(differences: &[f64], resamples: usize, seed: u64) -> (f64, bool) {
    let d: Vec<f64> = differences.iter().copied().filter(|d| d.abs() > 1e-12).collect();
    let observed = d.iter().sum::<f64>().abs() * (1.0 - 1e-9);
    if d.is_empty() {
        return (1.0, true);
    }
    if d.iter().all(|x| (x.abs() - d[0].abs()).abs() < 1e-12) {
        let positive = d.iter().filter(|x| **x > 0.0).count();
        return (binomial(d.len(), positive.min(d.len() - positive)), true);
    }
    if d.len() <= 20 {
        // Sums of all sign patterns with the first sign fixed; the other half mirrors them.
        let sums = d[1..].iter().fold(vec![d[0]], |sums, x| sums.iter().flat_map(|s| [s + x, s - x]).collect());
        return (sums.iter().filter(|s| s.abs() >= observed).count() as f64 / sums.len() as f64, true);
    }
    let as_large = (0..resamples)
        .into_par_iter()
        .filter(|&i| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(i as u64);
            let mut sum = 0.0;
            for chunk in d.chunks(64) {
                let bits = rng.next_u64();
                sum +=
                    chunk.iter().enumerate().map(|(bit, x)| x * (1.0 - 2.0 * ((bits >> bit) & 1) as f64)).sum::<f64>();
            }
            sum.abs() >= observed
        })
        .count();
    ((as_large as f64 + 1.0) / (resamples as f64 + 1.0), false)
}

/// `2 P(X <= least)` of a fair coin tossed `n` times.
fn binomial(n: usize, least: usize) -> f64 {
    let mut log = -(n as f64) * std::f64::consts::LN_2;
    let mut sum = log.exp();
    for i in 0..least {
        log += ((n - i) as f64 / (i + 1) as f64).ln();
        sum += log.exp();
    }
    (2.0 * sum).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    // from scipy.stats import binomtest, permutation_test
    // print(binomtest(3, 15).pvalue)
    // print(permutation_test(([3, -1, 2, 4, -.5, 2, 1],), np.mean, permutation_type="samples").pvalue)
    #[test]
    fn exact_tests_are_those_of_scipy() {
        let signs: Vec<f64> = (0..40)
            .map(|i| {
                if i < 12 {
                    1.0
                } else if i < 15 {
                    -1.0
                } else {
                    0.0
                }
            })
            .collect();
        let (p, exact) = sign_flip(&signs, 10, 0);
        assert!(exact && (p - 0.03515625).abs() < 1e-12);
        let (p, exact) = sign_flip(&[3.0, -1.0, 2.0, 4.0, -0.5, 2.0, 1.0], 10, 0);
        assert!(exact && (p - 0.09375).abs() < 1e-12, "{p}");
    }
}
