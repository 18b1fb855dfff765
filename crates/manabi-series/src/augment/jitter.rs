//! Jitter: normal noise on every value (Um et al., ICMI 2017).

use manabi_core::rng::Rng;

use crate::series::Series;

/// Adds noise of standard deviation `sigma`.
pub fn jitter(series: &mut Series, sigma: f32, rng: &mut Rng) {
    series.values.iter_mut().for_each(|v| *v += sigma * rng.normal());
}

#[cfg(test)]
mod tests {
    use super::{super::testing::rng, *};

    #[test]
    fn the_noise_has_its_deviation_and_missing_values_stay_missing() {
        let mut series = Series::new(1, 10_000, vec![3.0; 10_000]).unwrap();
        series.values[7] = f32::NAN;
        jitter(&mut series, 0.5, &mut rng(0));
        assert!(series.values[7].is_nan());
        let squares: f32 = series.values.iter().filter(|v| !v.is_nan()).map(|v| (v - 3.0).powi(2)).sum();
        assert!(((squares / 9_999.0).sqrt() - 0.5).abs() < 0.02);
    }
}
