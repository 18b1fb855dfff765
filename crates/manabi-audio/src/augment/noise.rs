//! Noise of a random colour at a signal-to-noise ratio.

use manabi_core::rng::Rng;

use super::crop::power;

/// Adds noise that is `snr` dB below the mean power of `samples`; silence stays silence.
///
/// Its colour is drawn between white and red: `y[n] = a·y[n−1] + x[n]` of uniform noise `x`, `a` from 0 to 0.98.
pub fn noise(samples: &mut [f32], snr: f32, rng: &mut Rng) {
    let signal = power(samples);
    if signal <= 0.0 {
        return;
    }
    let a = rng.range(0.0, 0.98);
    // A uniform number on ±1 has power 1/3, and the filter gives a signal of power 1/3/(1 − a²).
    let scale = (signal * 10f32.powf(-snr / 10.0) * 3.0 * (1.0 - a * a)).sqrt();
    let mut state = 0.0;
    for pair in samples.chunks_mut(2) {
        // Two numbers of 32 bits at once: noise is as long as the clip.
        let bits = rng.bits();
        for (v, half) in pair.iter_mut().zip([bits as u32, (bits >> 32) as u32]) {
            state = a * state + (half as i32) as f32 / 2_147_483_648.0;
            *v += scale * state;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::testing::rng, *};

    #[test]
    fn the_ratio_is_what_was_asked_for() {
        for (sample, snr) in [(0, 0.0), (1, 10.0), (2, 20.0)] {
            let clean: Vec<f32> = (0..40_000).map(|i| (i as f32 * 0.1).sin()).collect();
            let mut noisy = clean.clone();
            noise(&mut noisy, snr, &mut rng(sample));
            let added: Vec<f32> = noisy.iter().zip(&clean).map(|(a, b)| a - b).collect();
            let found = 10.0 * (power(&clean) / power(&added)).log10();
            assert!((found - snr).abs() < 1.0, "{found} dB instead of {snr}");
        }
    }

    #[test]
    fn silence_stays_silence() {
        let mut samples = [0.0; 10];
        noise(&mut samples, 0.0, &mut rng(0));
        assert_eq!(samples, [0.0; 10]);
    }
}
