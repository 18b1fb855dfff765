//! Learning-rate schedule: linear warm-up, then half a cosine (arXiv:1608.03983, without restarts).
//!
//! A pure function of the step, so a checkpoint need not hold it:
//! `(s + 1) / w` for `s < w`, then `½ (1 + cos(π (s - w) / (total - w)))`.

/// Warm-up steps for a share of the run, at most all but one of `total`.
pub fn warmup_steps(share: f64, total: u64) -> u64 {
    ((share.clamp(0.0, 1.0) * total as f64).round() as u64).min(total.saturating_sub(1))
}

/// The factor in `[0, 1]` on the peak learning rate at `step` (from 0) of `total`.
pub fn warmup_cosine(step: u64, warmup: u64, total: u64) -> f64 {
    if step < warmup {
        return (step + 1) as f64 / warmup as f64;
    }
    cosine(1.0, 0.0, step - warmup, total.saturating_sub(warmup))
}

/// Half a cosine from `from` at step 0 to `to` at step `total` and after.
pub fn cosine(from: f64, to: f64, step: u64, total: u64) -> f64 {
    if total == 0 || step >= total {
        return to;
    }
    let progress = step as f64 / total as f64;
    to + (from - to) * 0.5 * (1.0 + (std::f64::consts::PI * progress).cos())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warm_up_climbs_in_equal_parts_to_the_peak() {
        let factors: Vec<f64> = (0..4).map(|s| warmup_cosine(s, 4, 10)).collect();
        assert_eq!(factors, [0.25, 0.5, 0.75, 1.0]);
        assert_eq!(warmup_cosine(4, 4, 10), 1.0);
    }

    #[test]
    fn the_cosine_is_half_way_down_in_the_middle_and_ends_at_zero() {
        assert!((warmup_cosine(50, 0, 100) - 0.5).abs() < 1e-12);
        assert!(warmup_cosine(99, 0, 100) < 3e-4);
        assert_eq!(warmup_cosine(100, 0, 100), 0.0);
    }

    #[test]
    fn a_run_of_one_step_trains_at_the_peak() {
        assert_eq!(warmup_cosine(0, warmup_steps(0.1, 1), 1), 1.0);
        assert_eq!(warmup_steps(1.0, 1), 0);
    }
}
