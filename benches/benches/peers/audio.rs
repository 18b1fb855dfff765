//! Log-mel maps of one-second clips at 16 kHz, BYOL-A's settings; the operations of `benches/peers/audio.py`.
//!
//! 64 ms periodic Hann windows every 10 ms, FFT of 1 024, 64 mel filters from 60 to 7 800 Hz (Slaney's scale and norm),
//! logarithm of the power plus `f32`'s epsilon.

use manabi::audio::{FrontEnd, FrontEndConfig};
use rayon::prelude::*;

use crate::Run;

/// Clips of a run.
const CLIPS: usize = 256;
/// Samples of a clip, a second.
const SAMPLES: usize = 16_000;

/// The case of this name.
pub fn case(name: &str) -> Option<Run> {
    (name == "audio/log-mel").then(log_mel)
}

fn log_mel() -> Run {
    let front = FrontEnd::new(&FrontEndConfig::default(), SAMPLES as u32).unwrap();
    let clips: Vec<Vec<f32>> =
        (0..CLIPS).map(|c| (0..SAMPLES).map(|i| 0.5 * (i as f32 * (0.01 + c as f32 * 1e-3)).sin()).collect()).collect();
    Box::new(move || {
        let maps: Vec<_> = clips.par_iter().map(|clip| front.log_mel(clip).unwrap()).collect();
        assert!(maps.iter().all(|map| (map.bins, map.frames) == (64, 101)));
    })
}
