//! Mel-frequency cepstral coefficients: the cosine transform (DCT-II, orthonormal) of a log-mel frame.
//!
//! `c[j, t] = s_j · Σ_b M[b, t] · cos(π·j·(2b + 1) / 2B)`, `s_0 = sqrt(1/B)`, otherwise `sqrt(2/B)` (librosa's, on
//! natural logarithms of power).

use super::LogMel;

/// The first `count` coefficients `(count, frames)` of each frame.
pub fn mfcc(map: &LogMel, count: usize) -> LogMel {
    let (bins, frames) = (map.bins, map.frames);
    let count = count.clamp(1, bins);
    let mut values = vec![0.0f32; count * frames];
    for (j, to) in values.chunks_exact_mut(frames).enumerate() {
        let scale = (if j == 0 { 1.0 } else { 2.0 } / bins as f64).sqrt();
        for (b, row) in map.rows().enumerate() {
            let angle = std::f64::consts::PI * (j * (2 * b + 1)) as f64 / (2 * bins) as f64;
            let weight = (scale * angle.cos()) as f32;
            to.iter_mut().zip(row).for_each(|(to, v)| *to += weight * v);
        }
    }
    LogMel { bins: count, frames, values }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frontend::{FrontEnd, FrontEndConfig, extract::tests::signal};

    // The map of `extract.rs` (librosa, Slaney): c = librosa.feature.mfcc(S=m, n_mfcc=20)
    // [c[a, b] for a, b in [(0, 0), (1, 5), (5, 12), (19, 25)]], c.sum()
    #[test]
    fn coefficients_are_librosas() {
        let map = FrontEnd::new(&FrontEndConfig::default(), 16_000).unwrap().log_mel(&signal()).unwrap();
        let c = mfcc(&map, 20);
        assert_eq!((c.bins, c.frames), (20, 26));
        for ((a, b), wanted) in [(0, 0), (1, 5), (5, 12), (19, 25)].into_iter().zip([-13.1422, 1.21, 3.6646, -3.7427]) {
            assert!((c.values[a * 26 + b] - wanted).abs() < 2e-4, "{} instead of {wanted}", c.values[a * 26 + b]);
        }
        assert!((c.values.iter().sum::<f32>() + 543.8).abs() < 0.05);
    }
}
