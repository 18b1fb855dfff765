//! Mel filters: triangles that overlap by half, equally spaced in pitch (librosa's `filters.mel`).

use super::config::{FrontEndConfig, MelNorm, MelScale};

/// A bank of filters over the bins of an FFT, each kept without its zeros.
#[derive(Clone, Debug)]
pub struct MelBank {
    /// First FFT bin and weights of each filter.
    filters: Vec<(usize, Vec<f32>)>,
    /// Middle of each filter in Hz.
    centres: Vec<f64>,
}

impl MelBank {
    /// The filters of resolved settings at `rate` Hz.
    pub fn new(config: &FrontEndConfig, rate: u32) -> Self {
        let (n_fft, n_mels) = (config.n_fft.unwrap_or(0), config.n_mels.unwrap_or(0));
        let (low, high) = (f64::from(config.f_min), f64::from(config.f_max.unwrap_or(0.0)));
        let scale = config.scale;
        let (first, last) = (to_mel(scale, low), to_mel(scale, high));
        let edge = |i: usize| to_hz(scale, first + (last - first) * i as f64 / (n_mels + 1) as f64);
        let width = f64::from(rate) / n_fft.max(1) as f64;
        let filters = (0..n_mels)
            .map(|i| {
                let (a, b, c) = (edge(i), edge(i + 1), edge(i + 2));
                let height = if config.norm == MelNorm::Slaney { 2.0 / (c - a) } else { 1.0 };
                let start = ((a / width).floor() as usize + 1).min(n_fft / 2 + 1);
                let weights = (start..=n_fft / 2)
                    .map(|k| k as f64 * width)
                    .take_while(|f| *f < c)
                    .map(|f| (((f - a) / (b - a)).min((c - f) / (c - b)).max(0.0) * height) as f32)
                    .collect();
                (start, weights)
            })
            .collect();
        Self { filters, centres: (0..n_mels).map(|i| edge(i + 1)).collect() }
    }

    /// Middle of each filter in Hz.
    pub fn centres(&self) -> Vec<f64> {
        self.centres.clone()
    }

    /// Number of filters.
    pub fn bins(&self) -> usize {
        self.filters.len()
    }

    /// The first filter that no FFT bin falls into.
    pub fn first_empty(&self) -> Option<usize> {
        self.filters.iter().position(|(_, weights)| weights.iter().all(|w| *w == 0.0))
    }

    /// First FFT bin and weights of each filter.
    pub fn filters(&self) -> &[(usize, Vec<f32>)] {
        &self.filters
    }
}

/// Slaney's scale: 3 mel for 200 Hz up to 1 kHz, then 27 mel for a factor of 6.4.
const SLANEY_LINEAR: f64 = 200.0 / 3.0;
const SLANEY_BREAK: f64 = 1_000.0;

fn slaney_step() -> f64 {
    6.4f64.ln() / 27.0
}

/// Pitch of `f` Hz.
fn to_mel(scale: MelScale, f: f64) -> f64 {
    match scale {
        MelScale::Htk => 2595.0 * (1.0 + f / 700.0).log10(),
        MelScale::Slaney if f < SLANEY_BREAK => f / SLANEY_LINEAR,
        MelScale::Slaney => SLANEY_BREAK / SLANEY_LINEAR + (f / SLANEY_BREAK).ln() / slaney_step(),
    }
}

/// The inverse of [`to_mel`].
fn to_hz(scale: MelScale, mel: f64) -> f64 {
    let knee = SLANEY_BREAK / SLANEY_LINEAR;
    match scale {
        MelScale::Htk => 700.0 * (10f64.powf(mel / 2595.0) - 1.0),
        MelScale::Slaney if mel < knee => mel * SLANEY_LINEAR,
        MelScale::Slaney => SLANEY_BREAK * ((mel - knee) * slaney_step()).exp(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Height, place of the highest weight, and sum.
    fn figures(bank: &MelBank, i: usize) -> (f32, usize, f32) {
        let (start, weights) = &bank.filters()[i];
        let top = (0..weights.len()).max_by(|a, b| weights[*a].total_cmp(&weights[*b])).unwrap();
        (weights[top], start + top, weights.iter().sum())
    }

    // librosa 0.11: fb = librosa.filters.mel(sr=16000, n_fft=1024, n_mels=64, fmin=60, fmax=7800, htk=H, norm=N,
    //     dtype=float); [(fb[a].max(), fb[a].argmax(), fb[a].sum()) for a in (0, 20, 63)]
    #[test]
    fn filters_are_librosas() {
        let base = FrontEndConfig { n_fft: Some(1024), n_mels: Some(64), f_max: Some(7800.0), ..Default::default() };
        let slaney = MelBank::new(&base, 16_000);
        let htk = MelBank::new(&FrontEndConfig { scale: MelScale::Htk, norm: MelNorm::None, ..base }, 16_000);
        let wanted = [
            (&slaney, 0, (0.020_071_657, 7, 0.063_901_447)),
            (&slaney, 20, (0.017_906_068, 64, 0.063_975_405)),
            (&slaney, 63, (0.002_824_166_3, 477, 0.063_985_966)),
            (&htk, 0, (0.832_900_75, 6, 1.859_451_5)),
            (&htk, 20, (0.918_783_82, 61, 3.947_415_3)),
            (&htk, 63, (0.980_998_8, 479, 19.472_202)),
        ];
        for (bank, i, (height, place, sum)) in wanted {
            let found = figures(bank, i);
            assert_eq!(found.1, place);
            assert!((found.0 - height).abs() < 1e-6 * height.max(1.0), "{found:?}");
            assert!((found.2 - sum).abs() < 1e-5 * sum.max(1.0), "{found:?}");
        }
        assert_eq!(slaney.first_empty(), None);
    }

    #[test]
    fn pitch_and_frequency_are_inverse() {
        for scale in [MelScale::Slaney, MelScale::Htk] {
            for f in [0.0, 60.0, 440.0, 999.9, 1_000.0, 1_000.1, 7_800.0, 90_000.0] {
                assert!((to_hz(scale, to_mel(scale, f)) - f).abs() < 1e-9 * f.max(1.0));
            }
        }
    }
}
