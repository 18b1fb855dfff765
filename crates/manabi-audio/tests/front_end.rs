//! Log-mel maps beside their definition, summed up term by term in double precision, for settings of every kind.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use manabi_audio::{
    FrontEnd, FrontEndConfig,
    frontend::{MelBank, MelNorm, MelScale},
};
use proptest::prelude::*;

const RATE: u32 = 8_000;

/// The sample at `at`: beyond the ends reflected, or silent.
fn sample(samples: &[f32], at: isize, center: bool) -> f64 {
    let last = samples.len() as isize - 1;
    if !center {
        return usize::try_from(at).ok().and_then(|at| samples.get(at)).map_or(0.0, |v| f64::from(*v));
    }
    let mut at = at;
    while last > 0 && !(0..=last).contains(&at) {
        at = if at < 0 { -at } else { 2 * last - at };
    }
    f64::from(samples[at.clamp(0, last) as usize])
}

/// `ln(floor + Σ_k W[b, k] · |Σ_n w[n] · x[n] · e^(−2πikn/N)|²)` of every bin and frame, bin after bin.
fn definition(config: &FrontEndConfig, samples: &[f32]) -> Vec<f64> {
    let (n, win, hop) = (config.n_fft.unwrap(), config.win.unwrap(), config.hop.unwrap());
    let frames = 1 + if config.center { samples.len() } else { samples.len().saturating_sub(n) } / hop;
    let bank = MelBank::new(config, RATE);
    let mut map = vec![0.0; bank.bins() * frames];
    for t in 0..frames {
        let begin = (t * hop) as isize - if config.center { n as isize / 2 } else { 0 };
        let first = (n - win) / 2;
        let windowed: Vec<f64> = (0..n)
            .map(|i| {
                let place = i as isize - first as isize;
                let inside = (0..win as isize).contains(&place);
                let hann = 0.5 - 0.5 * (std::f64::consts::TAU * place as f64 / win as f64).cos();
                if inside { hann * sample(samples, begin + i as isize, config.center) } else { 0.0 }
            })
            .collect();
        let power = |k: usize| {
            let (mut re, mut im) = (0.0, 0.0);
            for (i, x) in windowed.iter().enumerate() {
                let (sin, cos) = (std::f64::consts::TAU * (i * k % n) as f64 / n as f64).sin_cos();
                re += x * cos;
                im -= x * sin;
            }
            re * re + im * im
        };
        for (b, (start, weights)) in bank.filters().iter().enumerate() {
            let sum: f64 = weights.iter().enumerate().map(|(i, w)| f64::from(*w) * power(start + i)).sum();
            map[b * frames + t] = (sum + f64::from(config.floor)).ln();
        }
    }
    map
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn maps_are_their_definition(
        samples in proptest::collection::vec(-1.0f32..1.0, 1..400),
        half in 32usize..100,
        win_share in 0.3f64..1.0,
        hop_share in 0.1f64..1.0,
        n_mels in 1usize..12,
        center in any::<bool>(),
        scale in prop_oneof![Just(MelScale::Slaney), Just(MelScale::Htk)],
        norm in prop_oneof![Just(MelNorm::Slaney), Just(MelNorm::None)],
    ) {
        let win = ((2 * half) as f64 * win_share) as usize;
        let hop = ((win as f64 * hop_share) as usize).max(1);
        let config = FrontEndConfig {
            n_fft: Some(2 * half), win: Some(win), hop: Some(hop), n_mels: Some(n_mels), center, scale, norm,
            ..FrontEndConfig::default()
        };
        let Ok(config) = config.resolve(RATE) else { return Ok(()) };
        let map = FrontEnd::new(&config, RATE).unwrap().log_mel(&samples).unwrap();
        let wanted = definition(&config, &samples);
        prop_assert_eq!(map.values.len(), wanted.len());
        for (found, wanted) in map.values.iter().zip(wanted) {
            // Powers near the floor are lost in the rounding of louder ones.
            prop_assert!((f64::from(*found) - wanted).abs() < 2e-3, "{} instead of {}", found, wanted);
        }
    }
}
