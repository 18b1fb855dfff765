//! Distance to the nearest normal rows.
//!
//! Source: Bergman, Cohen & Hoshen 2020, *Deep Nearest Neighbor Anomaly Detection* (arXiv:2002.10445), equation 1: the mean
//! distance to the `k` nearest normal rows. Its distance is Euclidean, here after standardisation by the normal rows
//! ([`Scale`]), so that no feature counts more for its unit; the cosine distance of the same rows (`1 - cos`, as for
//! contrastive embeddings) can be had with [`Distance::Cosine`]. Euclidean is the default, because a length that no
//! normal row has is strange too, and the cosine does not see it.
//!
//! Shapes: normal `(N, D)`, rows `(Q, D)`, scores `(Q,)`. Cost: `2 Q N D`. Default `k = 5`: large enough that one odd
//! normal row hides nothing, small enough for rare kinds of normal rows; the paper finds 1 to 10 alike.

use super::{
    super::{features::Features, neighbors, scale::Scale},
    Detector,
};
use crate::{Error, Result};

/// How far apart two standardised rows are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Distance {
    /// `‖a - b‖`.
    #[default]
    Euclidean,
    /// `1 - cos(a, b)`: 0 in the same direction, 2 in the opposite one.
    Cosine,
}

/// The settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// How many nearest normal rows are averaged over; all of them where there are fewer.
    pub k: usize,
    /// The distance.
    pub distance: Distance,
}

impl Default for Config {
    fn default() -> Self {
        Self { k: 5, distance: Distance::Euclidean }
    }
}

impl Config {
    /// Says what cannot work.
    pub fn validate(&self) -> Result<()> {
        if self.k == 0 {
            return Err(Error::config("an anomaly score by nearest rows needs k of at least 1"));
        }
        Ok(())
    }
}

/// Normal rows that others are compared with.
#[derive(Clone, Debug)]
pub struct NearestNormal {
    config: Config,
    scale: Scale,
    normal: Features,
}

impl NearestNormal {
    /// Keeps the normal rows on their scale.
    pub fn fit(normal: &Features, config: Config) -> Result<Self> {
        config.validate()?;
        let scale = Scale::fit(normal)?;
        let normal = scale.apply(normal)?;
        Ok(Self { config, scale, normal })
    }
}

impl Detector for NearestNormal {
    fn scores(&self, rows: &Features) -> Result<Vec<f64>> {
        let rows = self.scale.apply(rows)?;
        let k = self.config.k.min(self.normal.rows());
        let found = match self.config.distance {
            Distance::Euclidean => neighbors::nearest_by_distance(&rows, &self.normal, k)?,
            Distance::Cosine => neighbors::nearest(&rows, &self.normal, k)?
                .into_iter()
                .map(|found| found.into_iter().map(|n| (n.row, 1.0 - f64::from(n.cosine))).collect())
                .collect(),
        };
        let mean = |found: &Vec<(usize, f64)>| found.iter().map(|(_, d)| d).sum::<f64>() / found.len() as f64;
        super::ranked(found.iter().map(mean).collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::eval::neighbors::tests::noise;

    fn fit(normal: &Features, k: usize, distance: Distance) -> NearestNormal {
        NearestNormal::fit(normal, Config { k, distance }).unwrap()
    }

    // import numpy as np; from sklearn.neighbors import NearestNeighbors as NN
    // from sklearn.preprocessing import StandardScaler
    // a = np.sin(np.arange(200) ** 2 * 0.37).reshape(50, 4).astype("f"); q = 2 * np.cos(np.arange(12) ** 2 * 0.11).reshape(3, 4).astype("f")
    // s = StandardScaler().fit(a.astype(float))
    // for m in ["euclidean", "cosine"]:
    //     print(NN(n_neighbors=5, metric=m, algorithm="brute").fit(s.transform(a)).kneighbors(s.transform(q))[0].mean(1))
    #[test]
    fn distances_are_those_of_scikit_learn() {
        let wave = |n: u32, f: fn(f64) -> f64, rate: f64| (0..n).map(move |i| f(f64::from(i * i) * rate) as f32);
        let normal = Features::new(50, 4, wave(200, f64::sin, 0.37).collect()).unwrap();
        let rows = Features::new(3, 4, wave(12, f64::cos, 0.11).map(|x| 2.0 * x).collect()).unwrap();
        let figures = [[3.484278, 2.788434, 2.079840], [0.129648, 0.225623, 0.093216]];
        for (distance, figures) in [Distance::Euclidean, Distance::Cosine].into_iter().zip(figures) {
            let scores = fit(&normal, 5, distance).scores(&rows).unwrap();
            assert!(scores.iter().zip(figures).all(|(a, b)| (a - b).abs() < 1e-5), "{scores:?}");
        }
    }

    #[test]
    fn a_copy_of_a_normal_row_is_not_strange_and_k_is_capped() {
        let normal = noise(30, 3, 1);
        let copies = normal.select(&[4, 4, 4, 9]);
        assert!(fit(&normal, 1, Distance::Euclidean).scores(&copies).unwrap().iter().all(|&s| s == 0.0));
        let all = normal.select(&[0; 12]);
        assert!(fit(&all, 5, Distance::Euclidean).scores(&all).unwrap().iter().all(|&s| s == 0.0));
        assert_eq!(
            fit(&normal, 30, Distance::Euclidean).scores(&copies).unwrap(),
            fit(&normal, 99, Distance::Euclidean).scores(&copies).unwrap()
        );
        assert!(NearestNormal::fit(&normal, Config { k: 0, ..Config::default() }).is_err());
        assert!(fit(&normal, 5, Distance::Euclidean).scores(&noise(2, 4, 0)).is_err());
    }

    proptest! {
        #[test]
        fn blocks_agree_with_a_plain_search(n in 2..40usize, q in 1..20usize, dim in 1..7usize, k in 1..9usize, seed: u64) {
            let (normal, rows) = (noise(n, dim, seed), noise(q, dim, seed ^ 1));
            let detector = fit(&normal, k, Distance::Euclidean);
            let (a, b) = (detector.scale.apply(&rows).unwrap(), &detector.normal);
            for (row, score) in detector.scores(&rows).unwrap().into_iter().enumerate() {
                let distance = |i: usize| {
                    a.row(row).iter().zip(b.row(i)).map(|(x, y)| (f64::from(*x) - f64::from(*y)).powi(2)).sum::<f64>().sqrt()
                };
                let mut all: Vec<f64> = (0..n).map(distance).collect();
                all.sort_by(f64::total_cmp);
                let k = k.min(n);
                let plain = all[..k].iter().sum::<f64>() / k as f64;
                prop_assert!((plain - score).abs() < 1e-3 * (1.0 + plain), "{} {}", plain, score);
            }
        }
    }
}
