//! Louder or quieter.

/// Multiplies by `decibels` dB.
pub fn gain(samples: &mut [f32], decibels: f32) {
    let factor = 10f32.powf(decibels / 20.0);
    samples.iter_mut().for_each(|v| *v *= factor);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_decibels_are_a_factor_of_ten() {
        let mut samples = [0.1, -0.2];
        gain(&mut samples, 20.0);
        assert!((samples[0] - 1.0).abs() < 1e-6 && (samples[1] + 2.0).abs() < 1e-6);
        gain(&mut samples, 0.0);
        assert!((samples[0] - 1.0).abs() < 1e-6);
    }
}
