//! Power spectra of overlapping windows.

use std::sync::Arc;

use realfft::{RealFftPlanner, RealToComplex, num_complex::Complex};

/// Plan and window of a short-time Fourier transform.
pub(super) struct Stft {
    window: Vec<f32>,
    fft: Arc<dyn RealToComplex<f32>>,
    hop: usize,
    center: bool,
}

/// What one thread needs besides: nothing is allocated a frame.
pub(super) struct Scratch {
    frame: Vec<f32>,
    spectrum: Vec<Complex<f32>>,
    inner: Vec<Complex<f32>>,
}

impl Stft {
    /// A periodic Hann window of `win` samples in the middle of `n_fft`.
    pub fn new(n_fft: usize, win: usize, hop: usize, center: bool) -> Self {
        let mut window = vec![0.0; n_fft];
        let start = (n_fft - win) / 2;
        for (i, w) in window[start..start + win].iter_mut().enumerate() {
            *w = (0.5 - 0.5 * (std::f64::consts::TAU * i as f64 / win as f64).cos()) as f32;
        }
        Self { window, fft: RealFftPlanner::new().plan_fft_forward(n_fft), hop, center }
    }

    /// Number of frames of `samples` samples: at least one.
    pub fn frames(&self, samples: usize) -> usize {
        let n = self.window.len();
        1 + if self.center { samples } else { samples.saturating_sub(n) } / self.hop
    }

    pub fn scratch(&self) -> Scratch {
        Scratch {
            frame: self.fft.make_input_vec(),
            spectrum: self.fft.make_output_vec(),
            inner: self.fft.make_scratch_vec(),
        }
    }

    /// Power `(n_fft/2 + 1)` of frame `t`.
    pub fn power(&self, samples: &[f32], t: usize, scratch: &mut Scratch, power: &mut [f32]) {
        let n = self.window.len();
        let begin = (t * self.hop) as isize - if self.center { n as isize / 2 } else { 0 };
        let inside = usize::try_from(begin).ok().and_then(|b| samples.get(b..b + n));
        match inside {
            Some(part) => windowed(&mut scratch.frame, part, &self.window),
            None => {
                for (i, (to, w)) in scratch.frame.iter_mut().zip(&self.window).enumerate() {
                    let at = begin + i as isize;
                    *to = w * if self.center { reflected(samples, at) } else { past(samples, at) };
                }
            }
        }
        // The lengths fit: all three were made by the plan.
        let done = self.fft.process_with_scratch(&mut scratch.frame, &mut scratch.spectrum, &mut scratch.inner);
        debug_assert!(done.is_ok());
        squared(power, &scratch.spectrum);
    }
}

/// The sample at `at`, ends reflected without repeating the last sample, as often as needed.
fn reflected(samples: &[f32], at: isize) -> f32 {
    let last = samples.len() as isize - 1;
    if last <= 0 {
        return samples.first().copied().unwrap_or(0.0);
    }
    let folded = at.rem_euclid(2 * last);
    samples[folded.min(2 * last - folded) as usize]
}

/// The sample at `at`, zero beyond the end.
fn past(samples: &[f32], at: isize) -> f32 {
    usize::try_from(at).ok().and_then(|at| samples.get(at)).copied().unwrap_or(0.0)
}

manabi_kernels::wide! {
    fn windowed(to: &mut [f32], part: &[f32], window: &[f32]) {
        for ((to, x), w) in to.iter_mut().zip(part).zip(window) {
            *to = x * w;
        }
    }

    fn squared(to: &mut [f32], spectrum: &[Complex<f32>]) {
        for (to, z) in to.iter_mut().zip(spectrum) {
            *to = z.re * z.re + z.im * z.im;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_reflected_as_numpy_pads() {
        // numpy.pad([1, 2, 3], 5, mode="reflect")
        let line: Vec<f32> = (-5..8).map(|at| reflected(&[1.0, 2.0, 3.0], at)).collect();
        assert_eq!(line, [2.0, 1.0, 2.0, 3.0, 2.0, 1.0, 2.0, 3.0, 2.0, 1.0, 2.0, 3.0, 2.0]);
        assert_eq!((reflected(&[7.0], -3), reflected(&[], 2)), (7.0, 0.0));
    }

    #[test]
    fn the_power_of_a_tone_lies_in_its_bin() {
        let stft = Stft::new(64, 64, 16, true);
        let tone: Vec<f32> = (0..256).map(|i| (std::f32::consts::TAU * 8.0 * i as f32 / 64.0).cos()).collect();
        let mut power = vec![0.0; 33];
        stft.power(&tone, 8, &mut stft.scratch(), &mut power);
        // A Hann window of n points has sum n/2 and splits a tone over three bins: (n/4)² in the middle one.
        assert!((power[8] - 256.0).abs() < 1e-2 && (power[7] - 64.0).abs() < 1e-2 && power[20] < 1e-6, "{power:?}");
        assert_eq!((stft.frames(256), stft.frames(0)), (17, 1));
    }
}
