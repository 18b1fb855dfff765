//! The settings of the front end, in samples of the working rate.

use manabi_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::mel::MelBank;

/// How pitch is measured along the frequency axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MelScale {
    /// Linear below 1 kHz, logarithmic above (Slaney's toolbox; librosa's default).
    Slaney,
    /// `2595 · log10(1 + f / 700)` (HTK; torchaudio's default).
    Htk,
}

/// How the filters are scaled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MelNorm {
    /// Each filter has the same area over frequency (librosa's default).
    Slaney,
    /// Each filter has height 1 (torchaudio's default).
    None,
}

/// Settings of the front end. What is not given is BYOL-A's (64 ms windows every 10 ms, 64 bins, 60 to 7 800 Hz at
/// 16 kHz), with its v2's filters: Slaney's scale and norm, which its authors found to work better than HTK's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FrontEndConfig {
    /// Length of the window in samples; 64 ms.
    pub win: Option<usize>,
    /// Length of the FFT in samples; the next power of two from `win` on.
    pub n_fft: Option<usize>,
    /// Samples from one frame to the next; 10 ms.
    pub hop: Option<usize>,
    /// Mel bins; 64, or as many as have an FFT bin each where the rate is low.
    pub n_mels: Option<usize>,
    /// Lower end of the lowest filter in Hz.
    pub f_min: f32,
    /// Upper end of the highest filter in Hz; 7 800, but at most 0.4875 of the rate.
    pub f_max: Option<f32>,
    /// Pitch scale.
    pub scale: MelScale,
    /// Scaling of the filters.
    pub norm: MelNorm,
    /// Frame `t` is centred on sample `t · hop`, and the ends are reflected; otherwise it begins there.
    pub center: bool,
    /// Added to every power before the logarithm, so that digital silence has one; `f32`'s epsilon as BYOL-A's.
    pub floor: f32,
}

impl Default for FrontEndConfig {
    fn default() -> Self {
        Self {
            win: None,
            n_fft: None,
            hop: None,
            n_mels: None,
            f_min: 60.0,
            f_max: None,
            scale: MelScale::Slaney,
            norm: MelNorm::Slaney,
            center: true,
            floor: f32::EPSILON,
        }
    }
}

/// The default number of mel bins.
const BINS: usize = 64;

impl FrontEndConfig {
    /// The same settings with everything given, for samples at `rate` Hz.
    ///
    /// # Errors
    /// If a setting is impossible, or a mel filter has no FFT bin.
    pub fn resolve(&self, rate: u32) -> Result<Self> {
        let win = self.win.unwrap_or_else(|| ((f64::from(rate) * 0.032).round() as usize * 2).max(16));
        let n_fft = self.n_fft.unwrap_or_else(|| win.next_power_of_two());
        let hop = self.hop.unwrap_or_else(|| (f64::from(rate) / 100.0).round() as usize).max(1);
        let f_max = self.f_max.unwrap_or_else(|| (rate as f32 * 0.4875).min(7_800.0));
        let config = Self { win: Some(win), n_fft: Some(n_fft), hop: Some(hop), f_max: Some(f_max), ..self.clone() };
        config.check(rate)?;
        let bank = |n_mels: usize| MelBank::new(&Self { n_mels: Some(n_mels), ..config.clone() }, rate);
        let n_mels = match self.n_mels {
            Some(given) => {
                if let Some(empty) = bank(given).first_empty() {
                    return Err(Error::config(format!(
                        "frontend.n_mels = {given}: filter {empty} is narrower than an FFT bin of {:.1} Hz and would \
                         always be silent; lower n_mels or raise n_fft = {n_fft}",
                        f64::from(rate) / n_fft as f64
                    )));
                }
                given
            }
            None => (1..=BINS).rev().find(|n| bank(*n).first_empty().is_none()).unwrap_or(1),
        };
        Ok(Self { n_mels: Some(n_mels), ..config })
    }

    fn check(&self, rate: u32) -> Result<()> {
        let fail = |message: String| Err(Error::config(message));
        let (win, n_fft) = (self.win.unwrap_or(16), self.n_fft.unwrap_or(16));
        if !(16..=65_536).contains(&n_fft) || !n_fft.is_multiple_of(2) {
            return fail(format!("frontend.n_fft = {n_fft} is not an even number between 16 and 65536"));
        }
        if win == 0 || win > n_fft {
            return fail(format!("frontend.win = {win} is not between 1 and n_fft = {n_fft}"));
        }
        if let Some(hop) = self.hop.filter(|h| !(1..=win).contains(h)) {
            return fail(format!("frontend.hop = {hop} is not between 1 and win = {win}: samples would be left out"));
        }
        if let Some(n_mels) = self.n_mels.filter(|n| !(1..=512).contains(n)) {
            return fail(format!("frontend.n_mels = {n_mels} is not between 1 and 512"));
        }
        let (low, high, nyquist) = (self.f_min, self.f_max.unwrap_or(0.0), rate as f32 / 2.0);
        if !(low >= 0.0 && low < high && high <= nyquist) {
            return fail(format!(
                "frontend.f_min = {low} and f_max = {high} must satisfy 0 <= f_min < f_max <= {nyquist} (half the rate)"
            ));
        }
        if !(self.floor > 0.0 && self.floor.is_finite()) {
            return fail(format!("frontend.floor = {} is not above 0", self.floor));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(rate: u32) -> FrontEndConfig {
        FrontEndConfig::default().resolve(rate).unwrap()
    }

    #[test]
    fn the_defaults_are_byol_as_and_scale_with_the_rate() {
        let of = |rate| {
            let c = resolved(rate);
            (c.win.unwrap(), c.n_fft.unwrap(), c.hop.unwrap(), c.n_mels.unwrap(), c.f_max.unwrap())
        };
        assert_eq!(of(16_000), (1024, 1024, 160, 64, 7800.0));
        assert_eq!(of(8_000), (512, 512, 80, 64, 3900.0));
        assert_eq!(of(44_100), (2822, 4096, 441, 64, 7800.0));
        let low = resolved(1_000);
        assert!(low.n_mels.unwrap() < 64 && low.f_max.unwrap() <= 500.0, "{low:?}");
    }

    #[test]
    fn resolving_twice_changes_nothing() {
        for rate in [1_000, 4_000, 8_000, 11_025, 16_000, 48_000, 192_000] {
            assert_eq!(resolved(rate).resolve(rate).unwrap(), resolved(rate));
        }
    }

    #[test]
    fn impossible_settings_are_refused_by_name() {
        let refused = |config: FrontEndConfig| config.resolve(16_000).unwrap_err().to_string();
        let base = FrontEndConfig::default();
        assert!(refused(FrontEndConfig { n_fft: Some(512), win: Some(1024), ..base.clone() }).contains("win = 1024"));
        assert!(refused(FrontEndConfig { hop: Some(2000), ..base.clone() }).contains("hop = 2000"));
        assert!(refused(FrontEndConfig { f_max: Some(9000.0), ..base.clone() }).contains("8000"));
        assert!(refused(FrontEndConfig { floor: 0.0, ..base.clone() }).contains("floor"));
        let empty = refused(FrontEndConfig { n_mels: Some(512), ..base });
        assert!(empty.contains("n_mels = 512") && empty.contains("15.6 Hz"), "{empty}");
    }
}
