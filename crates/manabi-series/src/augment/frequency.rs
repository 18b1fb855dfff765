//! Frequency masking: a band of the spectrum is silenced (as TF-C, NeurIPS 2022, removes frequencies).

use std::sync::Arc;

use manabi_core::rng::Rng;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex, num_complex::Complex};

use crate::series::Series;

/// The Fourier transform of one length, planned once.
#[derive(Clone)]
pub struct Spectrum {
    length: usize,
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
}

impl std::fmt::Debug for Spectrum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Spectrum({})", self.length)
    }
}

impl Spectrum {
    /// The transform of `length` values.
    pub fn new(length: usize) -> Self {
        let mut planner = RealFftPlanner::new();
        let length = length.max(1);
        Self { length, forward: planner.plan_fft_forward(length), inverse: planner.plan_fft_inverse(length) }
    }

    /// Number of values.
    pub fn length(&self) -> usize {
        self.length
    }

    /// The spectrum `(length / 2 + 1)` of `row`, missing values taken for 0; shorter rows are extended by zeros.
    pub fn of(&self, row: &[f32]) -> Vec<Complex<f32>> {
        let mut input = vec![0.0; self.length];
        for (to, from) in input.iter_mut().zip(row) {
            *to = if from.is_nan() { 0.0 } else { *from };
        }
        let mut output = self.forward.make_output_vec();
        // The buffers are of the planned length: the transform cannot fail.
        let _ = self.forward.process(&mut input, &mut output);
        output
    }

    /// The values of a spectrum, divided by their number.
    pub fn back(&self, mut spectrum: Vec<Complex<f32>>) -> Vec<f32> {
        let mut output = vec![0.0; self.length];
        // What belongs to a real series has no imaginary part there.
        if let Some(first) = spectrum.first_mut() {
            first.im = 0.0;
        }
        if self.length.is_multiple_of(2)
            && let Some(last) = spectrum.last_mut()
        {
            last.im = 0.0;
        }
        let _ = self.inverse.process(&mut spectrum, &mut output);
        output.iter_mut().for_each(|v| *v /= self.length as f32);
        output
    }
}

/// Silences one random band of `share` of the spectrum in all channels; the mean stays.
pub fn mask_band(series: &mut Series, share: f32, spectrum: &Spectrum, rng: &mut Rng) {
    let own;
    let spectrum = if spectrum.length == series.length {
        spectrum
    } else {
        own = Spectrum::new(series.length);
        &own
    };
    let bins = series.length / 2;
    let width = ((share * bins as f32).round() as usize).min(bins);
    if width == 0 {
        return;
    }
    let from = 1 + rng.below(bins - width + 1);
    for row in series.rows_mut() {
        let mut found = spectrum.of(row);
        found.iter_mut().skip(from).take(width).for_each(|c| *c = Complex::default());
        for (value, new) in row.iter_mut().zip(spectrum.back(found)) {
            if !value.is_nan() {
                *value = new;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::testing::{ramps, rng},
        *,
    };

    #[test]
    fn there_and_back_is_the_same_series() {
        for length in [1, 2, 7, 64] {
            let spectrum = Spectrum::new(length);
            let row: Vec<f32> = ramps(1, length).values;
            let back = spectrum.back(spectrum.of(&row));
            assert!(row.iter().zip(&back).all(|(a, b)| (a - b).abs() < 1e-4), "{length}");
        }
    }

    #[test]
    fn a_silent_band_takes_energy_and_leaves_the_mean() {
        let spectrum = Spectrum::new(64);
        let noise: Vec<f32> = {
            let mut r = rng(9);
            (0..128).map(|_| 2.0 + r.normal()).collect()
        };
        let before = Series::new(2, 64, noise).unwrap();
        let mut series = before.clone();
        mask_band(&mut series, 0.25, &spectrum, &mut rng(0));
        for (old, new) in before.rows().zip(series.rows()) {
            assert!((old.iter().sum::<f32>() - new.iter().sum::<f32>()).abs() < 1e-3);
            let silent = spectrum.of(new).iter().filter(|c| c.norm() < 1e-3).count();
            assert_eq!(silent, 8);
        }
        let mut short = ramps(2, 30);
        mask_band(&mut short, 0.25, &spectrum, &mut rng(0));
        assert_eq!(short.length, 30);
    }
}
