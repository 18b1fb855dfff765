//! The front end bound to a rate: plans made once, used by all threads.

use std::sync::Arc;

use manabi_core::{Error, Result};

use super::{FrontEndConfig, LogMel, MelBank, logarithm::log_floor, stft::Stft};

/// Turns samples at one rate into log-mel maps. Clones share the plans.
#[derive(Clone)]
pub struct FrontEnd {
    config: FrontEndConfig,
    rate: u32,
    stft: Arc<Stft>,
    bank: Arc<MelBank>,
    /// The bank's filters, filled up with zeros to whole groups of [`LANES`].
    filters: Arc<Vec<(usize, Vec<f32>)>>,
}

impl std::fmt::Debug for FrontEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FrontEnd({} Hz, {} bins)", self.rate, self.bins())
    }
}

impl FrontEnd {
    /// Plans for samples at `rate` Hz.
    pub fn new(config: &FrontEndConfig, rate: u32) -> Result<Self> {
        let config = config.resolve(rate)?;
        let bank = Arc::new(MelBank::new(&config, rate));
        let (n_fft, win, hop) = (config.n_fft.unwrap_or(16), config.win.unwrap_or(16), config.hop.unwrap_or(1));
        let stft = Arc::new(Stft::new(n_fft, win, hop, config.center));
        let whole = |weights: &[f32]| {
            let mut weights = weights.to_vec();
            weights.resize(weights.len().next_multiple_of(LANES), 0.0);
            weights
        };
        let filters = Arc::new(bank.filters().iter().map(|(start, weights)| (*start, whole(weights))).collect());
        Ok(Self { config, rate, stft, bank, filters })
    }

    /// The settings, all given.
    pub fn config(&self) -> &FrontEndConfig {
        &self.config
    }

    /// The rate in Hz.
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// Mel bins of a map.
    pub fn bins(&self) -> usize {
        self.bank.bins()
    }

    /// Middle of each mel filter in Hz.
    pub fn centres(&self) -> Vec<f64> {
        self.bank.centres()
    }

    /// Samples from one frame to the next.
    pub fn hop(&self) -> usize {
        self.config.hop.unwrap_or(1)
    }

    /// Frames of a clip of `samples` samples.
    pub fn frames(&self, samples: usize) -> usize {
        self.stft.frames(samples)
    }

    /// The shortest number of samples that gives `frames` frames.
    pub fn samples(&self, frames: usize) -> usize {
        let steps = frames.saturating_sub(1) * self.hop();
        if self.config.center { steps.max(1) } else { steps + self.config.n_fft.unwrap_or(1) }
    }

    /// What digital silence looks like: `ln(floor)`.
    pub fn silence(&self) -> f32 {
        self.config.floor.ln()
    }

    /// The log-mel map of `samples`, on the calling thread.
    ///
    /// # Errors
    /// If there is no sample.
    pub fn log_mel(&self, samples: &[f32]) -> Result<LogMel> {
        if samples.is_empty() {
            return Err(Error::data("a clip of no samples has no log-mel map"));
        }
        let (bins, frames) = (self.bins(), self.frames(samples.len()));
        let mut scratch = self.stft.scratch();
        let count = self.config.n_fft.unwrap_or(0) / 2 + 1;
        // Room for the zeros that filters are filled up with.
        let mut power = vec![0.0f32; count + LANES];
        let mut by_frame = vec![0.0f32; bins * frames];
        for (t, to) in by_frame.chunks_exact_mut(bins).enumerate() {
            self.stft.power(samples, t, &mut scratch, &mut power[..count]);
            filter(to, &power, &self.filters);
        }
        log_floor(&mut by_frame, self.config.floor);
        let mut values = vec![0.0f32; bins * frames];
        for (b, row) in values.chunks_exact_mut(frames).enumerate() {
            row.iter_mut().zip(by_frame[b..].iter().step_by(bins)).for_each(|(to, v)| *to = *v);
        }
        LogMel::new(bins, frames, values)
    }
}

/// Bins that are taken together in [`filter`].
const LANES: usize = 8;

manabi_kernels::wide! {
    /// Weighted sums of powers; weights are whole groups of `LANES`.
    fn filter(to: &mut [f32], power: &[f32], filters: &[(usize, Vec<f32>)]) {
        for (to, (start, weights)) in to.iter_mut().zip(filters) {
            let mut parts = [0.0f32; LANES];
            let groups = weights.as_chunks::<LANES>().0.iter().zip(power[*start..].as_chunks::<LANES>().0);
            for (w, p) in groups {
                for (part, (w, p)) in parts.iter_mut().zip(w.iter().zip(p)) {
                    *part += w * p;
                }
            }
            let [a, b, c, d, e, f, g, h] = parts;
            *to = ((a + e) + (b + f)) + ((c + g) + (d + h));
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::frontend::{MelNorm, MelScale};

    /// Two tones and a saw that looks like noise, 4 000 samples.
    pub fn signal() -> Vec<f32> {
        (0..4000usize)
            .map(|i| {
                let t = i as f64 * std::f64::consts::TAU / 16_000.0;
                let noise = (i * 7919 % 1013) as f64 / 506.5 - 1.0;
                (0.5 * (440.0 * t).sin() + 0.25 * (1234.5 * t + 1.0).sin() + 0.1 * noise) as f32
            })
            .collect()
    }

    #[track_caller]
    fn compare(config: &FrontEndConfig, rate: u32, points: &[((usize, usize), f32)], sum: f32) {
        let map = FrontEnd::new(config, rate).unwrap().log_mel(&signal()).unwrap();
        for ((bin, frame), wanted) in points {
            let found = map.values[bin * map.frames + frame];
            assert!((found - wanted).abs() < 1e-4, "bin {bin}, frame {frame}: {found} instead of {wanted}");
        }
        let found = map.values.iter().map(|v| f64::from(*v)).sum::<f64>() as f32;
        assert!((found - sum).abs() < 0.05, "the sum is {found} instead of {sum}");
    }

    const POINTS: [(usize, usize); 8] = [(0, 0), (0, 12), (7, 3), (20, 10), (33, 25), (50, 1), (63, 25), (40, 24)];

    // import numpy as np, librosa; i = np.arange(4000)
    // x = (0.5 * np.sin(2 * np.pi * 440 * i / 16000) + 0.25 * np.sin(2 * np.pi * 1234.5 * i / 16000 + 1)
    //      + 0.1 * ((i * 7919 % 1013) / 506.5 - 1)).astype(np.float32)
    // def m(rate, n, win, hop, mels, lo, hi, htk, norm):
    //     S = abs(librosa.stft(x.astype(float), n_fft=n, win_length=win, hop_length=hop, pad_mode="reflect")) ** 2
    //     fb = librosa.filters.mel(sr=rate, n_fft=n, n_mels=mels, fmin=lo, fmax=hi, htk=htk, norm=norm, dtype=float)
    //     return np.log(fb @ S + 1.1920929e-7)
    // m(16000, 1024, 1024, 160, 64, 60, 7800, False, "slaney")   # librosa 0.11.0
    #[test]
    fn the_map_is_librosas() {
        let wanted = [1.22319, -4.08066, 5.74054, -6.24962, -4.60817, -4.09715, -2.65198, -4.87564];
        let points: Vec<_> = POINTS.into_iter().zip(wanted).collect();
        compare(&FrontEndConfig::default(), 16_000, &points, -6227.135);
    }

    // m(16000, 1024, 1024, 160, 64, 60, 7800, True, None), and the same figures within 2e-5 from
    // torchaudio.transforms.MelSpectrogram(16000, n_fft=1024, win_length=1024, hop_length=160, f_min=60, f_max=7800,
    //     n_mels=64)(torch.tensor(x))   # torchaudio 2.11.0
    #[test]
    fn with_htks_scale_and_no_norm_it_is_torchaudios() {
        let wanted = [4.49624, -3.98267, -1.91734, -1.26959, -0.30959, 3.10973, 2.64997, 2.92439];
        let points: Vec<_> = POINTS.into_iter().zip(wanted).collect();
        let config = FrontEndConfig { scale: MelScale::Htk, norm: MelNorm::None, ..FrontEndConfig::default() };
        compare(&config, 16_000, &points, 1563.71);
    }

    // m(8000, 512, 400, 80, 40, 60, 3900, False, "slaney")
    #[test]
    fn a_window_shorter_than_the_fft_lies_in_its_middle() {
        let points = [(0, 0), (0, 12), (7, 3), (20, 10), (33, 25), (39, 1), (39, 50), (12, 49)];
        let wanted = [1.64406, -5.35092, -6.6549, -6.49064, -6.84899, -3.41382, -3.36183, -3.65152];
        let points: Vec<_> = points.into_iter().zip(wanted).collect();
        let config = FrontEndConfig { win: Some(400), n_fft: Some(512), n_mels: Some(40), ..Default::default() };
        compare(&config, 8_000, &points, -8521.218);
    }

    #[test]
    fn silence_a_single_sample_and_short_clips_are_finite() {
        let front = FrontEnd::new(&FrontEndConfig::default(), 16_000).unwrap();
        let silence = front.log_mel(&[0.0; 3_200]).unwrap();
        assert_eq!(silence.frames, 21);
        assert!(silence.values.iter().all(|v| (v - front.silence()).abs() < 1e-5));
        for length in [1, 2, 100, 511, 512, 513, 1_024] {
            let map = front.log_mel(&vec![0.5; length]).unwrap();
            assert_eq!(map.frames, 1 + length / 160);
            assert!(map.values.iter().all(|v| v.is_finite()));
        }
        assert!(front.log_mel(&[]).is_err());
    }

    #[test]
    fn frames_and_samples_are_inverse() {
        let front = FrontEnd::new(&FrontEndConfig::default(), 16_000).unwrap();
        assert_eq!(front.samples(96), 15_200);
        let late = FrontEnd::new(&FrontEndConfig { center: false, ..Default::default() }, 16_000).unwrap();
        for frames in [1, 2, 16, 96] {
            assert_eq!((front.frames(front.samples(frames)), late.frames(late.samples(frames))), (frames, frames));
        }
    }
}
