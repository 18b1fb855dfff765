//! Log-mixup-exp (BYOL-A, arXiv:2103.06695): another clip heard softly in the background.
//!
//! `ln((1 − α)·e^x + α·e^(z + c))`: powers are added, not their logarithms. `c` brings the other clip to the same mean
//! power, so that `α` is the share of its power however loud it was recorded.
//!
//! BYOL-A draws `z` from a queue of past clips; here it is another row of the batch, because a view must depend on
//! nothing but the step. It comes last, after the resize crop and the fader, where BYOL-A has it first.

use crate::frontend::LogMel;

/// Mixes `other` into `map`; maps of other sizes and silent ones change nothing.
pub fn log_mixup_exp(map: &mut LogMel, other: &LogMel, alpha: f32, silence: f32) {
    if map.values.len() != other.values.len() || alpha <= 0.0 {
        return;
    }
    let (here, there) = (log_mean_power(&map.values), log_mean_power(&other.values));
    // A silent clip has no power that could be brought to another's.
    if here < silence + 1.0 || there < silence + 1.0 {
        return;
    }
    let (keep, add) = ((1.0 - alpha).ln(), alpha.ln() + here - there);
    for (x, z) in map.values.iter_mut().zip(&other.values) {
        let (a, b) = (*x + keep, z + add);
        let (high, low) = if a > b { (a, b) } else { (b, a) };
        *x = high + (low - high).exp().ln_1p();
    }
}

/// `ln` of the mean of `e^x`.
fn log_mean_power(values: &[f32]) -> f32 {
    let top = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = values.iter().map(|v| f64::from((v - top).exp())).sum();
    top + (sum / values.len().max(1) as f64).ln() as f32
}

#[cfg(test)]
mod tests {
    use super::{super::testing::ramp, *};

    #[test]
    fn powers_are_mixed_at_equal_loudness() {
        // x = np.log([1, 3]); z = np.log([40, 20]); mean powers are 2 and 30, so z counts a fifteenth.
        // np.log(0.8 * np.exp(x) + 0.2 * np.exp(z) / 15)  ->  [0.287682, 0.980829]
        let mut x = LogMel::new(1, 2, vec![0.0, 3f32.ln()]).unwrap();
        let z = LogMel::new(1, 2, vec![40f32.ln(), 20f32.ln()]).unwrap();
        log_mixup_exp(&mut x, &z, 0.2, -16.0);
        assert!((x.values[0] - 0.287_682).abs() < 1e-5 && (x.values[1] - 0.980_829).abs() < 1e-5, "{x:?}");
    }

    #[test]
    fn silence_and_no_share_change_nothing() {
        let silent = LogMel::new(2, 3, vec![-16.0; 6]).unwrap();
        let mut map = ramp(2, 3);
        log_mixup_exp(&mut map, &silent, 0.2, -16.0);
        log_mixup_exp(&mut map, &ramp(2, 3), 0.0, -16.0);
        log_mixup_exp(&mut map, &ramp(3, 3), 0.2, -16.0);
        assert_eq!(map, ramp(2, 3));
    }

    #[test]
    fn a_clip_mixed_with_itself_stays_itself() {
        let mut map = ramp(4, 5);
        log_mixup_exp(&mut map, &ramp(4, 5), 0.3, -16.0);
        assert!(map.values.iter().zip(ramp(4, 5).values).all(|(a, b)| (a - b).abs() < 1e-5));
    }
}
