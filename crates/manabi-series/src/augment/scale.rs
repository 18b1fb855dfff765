//! Scaling: each channel by a factor of its own (Um et al., ICMI 2017).

use manabi_core::rng::Rng;

use crate::series::Series;

/// Multiplies each channel by a normal factor of mean 1 and deviation `sigma`.
pub fn scale(series: &mut Series, sigma: f32, rng: &mut Rng) {
    for row in series.rows_mut() {
        let factor = 1.0 + sigma * rng.normal();
        row.iter_mut().for_each(|v| *v *= factor);
    }
}

#[cfg(test)]
mod tests {
    use super::{super::testing::rng, *};

    #[test]
    fn each_channel_has_one_factor_of_its_own() {
        let mut series = Series::new(2, 3, vec![1.0, 2.0, 4.0, 1.0, 2.0, 4.0]).unwrap();
        scale(&mut series, 0.2, &mut rng(0));
        let factors = [series.values[0], series.values[3]];
        assert!(factors[0] != factors[1] && factors.iter().all(|f| (f - 1.0).abs() < 1.0));
        for (row, factor) in series.rows().zip(factors) {
            assert!(row.iter().zip([1.0, 2.0, 4.0]).all(|(v, old)| (v - old * factor).abs() < 1e-6));
        }
    }
}
