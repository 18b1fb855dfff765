//! Power spectra of overlapping windows.
//!
//! A frame of `N` real samples is one complex FFT of `N/2` numbers: even samples are the real parts, odd ones the
//! imaginary. With `Z` its result, `s = (Z[k] + Z*[N/2 − k]) / 2` and `d = −i·e^(−2πik/N) · (Z[k] − Z*[N/2 − k]) / 2`, the
//! spectrum is `X[k] = s + d` and `X*[N/2 − k] = s − d`: only the powers are wanted, two from each pair.

use std::sync::Arc;

use rustfft::{Fft, FftPlanner, num_complex::Complex};

/// Plan and window of a short-time Fourier transform.
pub(super) struct Stft {
    window: Vec<f32>,
    fft: Arc<dyn Fft<f32>>,
    /// Real and imaginary parts of `−i·e^(−2πik/N) / 2` for `k` from 1 to `N/4`.
    twiddles: [Vec<f32>; 2],
    hop: usize,
    center: bool,
}

/// What one thread needs besides: nothing is allocated a frame.
pub(super) struct Scratch {
    edge: Vec<f32>,
    packed: Vec<Complex<f32>>,
    inner: Vec<Complex<f32>>,
    /// Real and imaginary parts, both again in the opposite order, and powers in the opposite order.
    planes: [Vec<f32>; 5],
}

impl Stft {
    /// A periodic Hann window of `win` samples in the middle of `n_fft`, which is even.
    pub fn new(n_fft: usize, win: usize, hop: usize, center: bool) -> Self {
        let mut window = vec![0.0; n_fft];
        let start = (n_fft - win) / 2;
        for (i, w) in window[start..start + win].iter_mut().enumerate() {
            *w = (0.5 - 0.5 * (std::f64::consts::TAU * i as f64 / win as f64).cos()) as f32;
        }
        let angle = |k: usize| std::f64::consts::TAU * k as f64 / n_fft as f64;
        let twiddles = [
            (1..=n_fft / 4).map(|k| (-0.5 * angle(k).sin()) as f32).collect(),
            (1..=n_fft / 4).map(|k| (-0.5 * angle(k).cos()) as f32).collect(),
        ];
        Self { window, fft: FftPlanner::new().plan_fft_forward(n_fft / 2), twiddles, hop, center }
    }

    /// Number of frames of `samples` samples: at least one.
    pub fn frames(&self, samples: usize) -> usize {
        let n = self.window.len();
        1 + if self.center { samples } else { samples.saturating_sub(n) } / self.hop
    }

    pub fn scratch(&self) -> Scratch {
        let zeros = |n: usize| vec![Complex::new(0.0, 0.0); n];
        let (half, count) = (self.window.len() / 2, self.twiddles[0].len());
        let planes = [half, half, count, count, count].map(|n| vec![0.0; n]);
        Scratch {
            edge: vec![0.0; self.window.len()],
            packed: zeros(half),
            inner: zeros(self.fft.get_inplace_scratch_len()),
            planes,
        }
    }

    /// Power `(n_fft/2 + 1)` of frame `t`.
    pub fn power(&self, samples: &[f32], t: usize, scratch: &mut Scratch, power: &mut [f32]) {
        let n = self.window.len();
        let begin = (t * self.hop) as isize - if self.center { n as isize / 2 } else { 0 };
        let inside = usize::try_from(begin).ok().and_then(|b| samples.get(b..b + n));
        let part = match inside {
            Some(part) => part,
            None => {
                for (i, to) in scratch.edge.iter_mut().enumerate() {
                    let at = begin + i as isize;
                    *to = if self.center { reflected(samples, at) } else { past(samples, at) };
                }
                &scratch.edge
            }
        };
        windowed(&mut scratch.packed, part, &self.window);
        self.fft.process_with_scratch(&mut scratch.packed, &mut scratch.inner);
        self.powers(power, scratch);
    }

    /// The powers of the spectrum of the packed frame.
    fn powers(&self, power: &mut [f32], scratch: &mut Scratch) {
        let Scratch { packed, planes: [re, im, mirrored_re, mirrored_im, high], .. } = scratch;
        let (half, count) = (packed.len(), self.twiddles[0].len());
        split(re, im, packed);
        power[0] = (re[0] + im[0]) * (re[0] + im[0]);
        power[half] = (re[0] - im[0]) * (re[0] - im[0]);
        reverse(mirrored_re, &re[half - count..]);
        reverse(mirrored_im, &im[half - count..]);
        let (a, b) = ([&re[1..=count], &im[1..=count]], [&mirrored_re[..count], &mirrored_im[..count]]);
        let [wr, wi] = &self.twiddles;
        pairs(&mut power[1..=count], high, a, b, [wr, wi]);
        // The middle one, if there is one, is its own partner and has been written.
        reverse(&mut power[count + 1..half], &high[..half - 1 - count]);
    }
}

/// The sample at `at`, ends reflected without repeating the last sample, as often as needed.
fn reflected(samples: &[f32], at: isize) -> f32 {
    let last = samples.len() as isize - 1;
    // Once is the rule; a division a sample would take as long as the FFT.
    let once = if at > last { 2 * last - at } else { at.abs() };
    if let Some(sample) = usize::try_from(once).ok().and_then(|at| samples.get(at)) {
        return *sample;
    }
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
    /// Pairs of samples times the window, as complex numbers.
    fn windowed(to: &mut [Complex<f32>], part: &[f32], window: &[f32]) {
        let pairs = part.as_chunks::<2>().0.iter().zip(window.as_chunks::<2>().0);
        for (to, (x, w)) in to.iter_mut().zip(pairs) {
            *to = Complex::new(x[0] * w[0], x[1] * w[1]);
        }
    }

    /// Real and imaginary parts side by side.
    fn split(re: &mut [f32], im: &mut [f32], z: &[Complex<f32>]) {
        for ((re, im), z) in re.iter_mut().zip(im).zip(z) {
            *re = z.re;
            *im = z.im;
        }
    }

    /// The values in the opposite order.
    fn reverse(to: &mut [f32], from: &[f32]) {
        for (to, from) in to.iter_mut().zip(from.iter().rev()) {
            *to = *from;
        }
    }

    /// `|s + d|²` and `|s − d|²` of each pair `a`, `b`.
    fn pairs(low: &mut [f32], high: &mut [f32], a: [&[f32]; 2], b: [&[f32]; 2], twiddles: [&[f32]; 2]) {
        let parts = a[0].iter().zip(a[1]).zip(b[0].iter().zip(b[1])).zip(twiddles[0].iter().zip(twiddles[1]));
        for ((low, high), (((ar, ai), (br, bi)), (wr, wi))) in low.iter_mut().zip(high).zip(parts) {
            let (sr, si) = (0.5 * (ar + br), 0.5 * (ai - bi));
            let (er, ei) = (ar - br, ai + bi);
            let (dr, di) = (er * wr - ei * wi, er * wi + ei * wr);
            *low = (sr + dr) * (sr + dr) + (si + di) * (si + di);
            *high = (sr - dr) * (sr - dr) + (si - di) * (si - di);
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

    #[test]
    fn powers_are_those_of_the_definition_for_every_even_length() {
        for n in (2..40).step_by(2).chain([96, 128, 250]) {
            let stft = Stft::new(n, n, 1, false);
            let samples: Vec<f32> = (0..n).map(|i| (i * 7919 % 1013) as f32 / 506.5 - 1.0).collect();
            let mut power = vec![-1.0; n / 2 + 1];
            stft.power(&samples, 0, &mut stft.scratch(), &mut power);
            for (k, found) in power.iter().enumerate() {
                let (mut re, mut im) = (0.0, 0.0);
                for (i, (x, w)) in samples.iter().zip(&stft.window).enumerate() {
                    let (sin, cos) = (std::f64::consts::TAU * (i * k % n) as f64 / n as f64).sin_cos();
                    re += f64::from(x * w) * cos;
                    im -= f64::from(x * w) * sin;
                }
                let wanted = re * re + im * im;
                assert!((f64::from(*found) - wanted).abs() < 1e-4 * wanted.max(1.0), "{k} of {n}: {found}, {wanted}");
            }
        }
    }
}
