//! Does it learn? Health of the features and trend of the loss.
//!
//! Of L2-normalised features `(N, D)`: mean standard deviation over the dimensions
//! (`1/√D` when they fill the sphere, 0 when all samples look alike: Chen & He,
//! arXiv:2011.10566), effective rank `exp(-Σ p log p)`, `p = σ/Σσ` (RankMe,
//! arXiv:2210.02885), alignment `mean ‖x - y‖²` and uniformity `log mean exp(-2‖xᵢ-xⱼ‖²)`
//! (arXiv:2005.10242). At most 256 rows are looked at. Cost: `N²·D` plus `(4/3)N³`.

use candle_core::{DType, Tensor};
use serde::{Deserialize, Serialize};

use super::{bits, spectrum::eigenvalues};
use crate::Result;

const ROWS: usize = 256;

/// Figures of the features of one batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Health {
    /// Mean standard deviation of the normalised features times `√D`: near 1 when healthy, 0 when collapsed.
    pub spread: f64,
    /// The same without the factor.
    pub feature_std: f64,
    /// RankMe.
    pub effective_rank: f64,
    /// Mean squared distance of two views; smaller is closer.
    pub alignment: Option<f64>,
    /// Log of the mean Gaussian potential; smaller is more uniform (−4 at best).
    pub uniformity: f64,
    /// What that means.
    pub verdict: Verdict,
}

/// What the figures say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// Samples can be told apart.
    Healthy,
    /// All samples have (nearly) the same features.
    Constant,
    /// The features vary along one direction only.
    OneDimensional,
    /// Features are not finite.
    NotFinite,
}

impl Verdict {
    /// The warning, if it is one.
    pub fn warning(self) -> Option<&'static str> {
        match self {
            Self::Healthy => None,
            Self::Constant => Some(
                "COLLAPSE: all samples get nearly the same features, so nothing is being learnt; lower the learning \
                 rate, use a larger batch or stronger augmentation, or another method (--method vicreg resists it)",
            ),
            Self::OneDimensional => Some(
                "COLLAPSE: the features vary along one direction only; lower the learning rate, use a larger batch, \
                 or another method (--method vicreg resists it)",
            ),
            Self::NotFinite => Some("DIVERGED: the features are not finite; lower the learning rate or set clip = 1"),
        }
    }
}

/// Figures of `features` `(N, D)`, and of a `second` view of the same samples.
pub fn feature_health(features: &Tensor, second: Option<&Tensor>) -> Result<Health> {
    let x = normalised(features)?;
    let (n, d) = (x.len(), x.first().map_or(0, Vec::len));
    if x.iter().flatten().any(|v| !v.is_finite()) || n == 0 {
        let nan = f64::NAN;
        return Ok(Health {
            spread: nan,
            feature_std: nan,
            effective_rank: nan,
            alignment: None,
            uniformity: nan,
            verdict: Verdict::NotFinite,
        });
    }
    let feature_std = (0..d)
        .map(|j| {
            let mean = x.iter().map(|r| r[j]).sum::<f64>() / n as f64;
            (x.iter().map(|r| (r[j] - mean).powi(2)).sum::<f64>() / n as f64).sqrt()
        })
        .sum::<f64>()
        / d as f64;
    let spread = feature_std * (d as f64).sqrt();
    let effective_rank = rank(&x);
    let alignment = match second {
        Some(second) => {
            let y = normalised(second)?;
            Some(x.iter().zip(&y).map(|(a, b)| distance(a, b)).sum::<f64>() / n as f64)
        }
        None => None,
    };
    let (mut potential, mut pairs) = (0.0, 0.0);
    for i in 0..n {
        for j in 0..i {
            potential += (-2.0 * distance(&x[i], &x[j])).exp();
            pairs += 1.0;
        }
    }
    let uniformity = if pairs > 0.0 { (potential / pairs).ln() } else { 0.0 };
    // 0.02 means a cosine of 0.9996 between any two samples; an untrained network has 0.1 and more.
    let verdict = if n >= 2 && spread < 0.02 {
        Verdict::Constant
    } else if n >= 8 && d >= 4 && effective_rank < 1.2 {
        Verdict::OneDimensional
    } else {
        Verdict::Healthy
    };
    Ok(Health { spread, feature_std, effective_rank, alignment, uniformity, verdict })
}

fn normalised(features: &Tensor) -> Result<Vec<Vec<f64>>> {
    let rows = features.dim(0)?.min(ROWS);
    let rows = features.narrow(0, 0, rows)?.flatten_from(1)?.to_dtype(DType::F32)?.to_vec2::<f32>()?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let norm = row.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt();
            row.into_iter().map(|v| f64::from(v) / norm.max(1e-12)).collect()
        })
        .collect())
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| (x - y).powi(2)).sum()
}

/// RankMe of the rows, from the eigenvalues of the smaller Gram matrix.
fn rank(x: &[Vec<f64>]) -> f64 {
    let (n, d) = (x.len(), x[0].len());
    let dot = |i: usize, j: usize| -> f64 {
        if n <= d { x[i].iter().zip(&x[j]).map(|(a, b)| a * b).sum() } else { x.iter().map(|r| r[i] * r[j]).sum() }
    };
    let size = n.min(d);
    let mut gram = vec![0.0; size * size];
    for i in 0..size {
        for j in 0..=i {
            let value = dot(i, j);
            (gram[i * size + j], gram[j * size + i]) = (value, value);
        }
    }
    let largest_noise = 1e-12 * gram.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    let sigma: Vec<f64> =
        eigenvalues(gram, size).into_iter().map(|l| if l > largest_noise { l.sqrt() } else { 0.0 }).collect();
    let total: f64 = sigma.iter().sum();
    if total <= 0.0 {
        return 0.0;
    }
    (-sigma.iter().map(|s| s / total + 1e-300).map(|p| p * p.ln()).sum::<f64>()).exp()
}

/// The smoothed loss and where it goes. Part of a checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LossTrend {
    seen: u64,
    #[serde(with = "bits")]
    start: f64,
    #[serde(with = "bits")]
    deviation: f64,
    #[serde(with = "bits")]
    fast: f64,
    #[serde(with = "bits")]
    slow: f64,
}

impl LossTrend {
    const START: u64 = 20;

    /// Takes the loss of one step.
    pub fn push(&mut self, loss: f64) {
        self.seen += 1;
        let k = self.seen as f64;
        if self.seen <= Self::START {
            let before = self.start;
            self.start += (loss - before) / k;
            self.deviation += ((loss - before) * (loss - self.start) - self.deviation) / k; // variance so far
        }
        let blend = |old: f64, weight: f64| old + (loss - old) * weight.max(1.0 / k);
        (self.fast, self.slow) = (blend(self.fast, 0.05), blend(self.slow, 0.005));
    }

    /// The loss, smoothed over some 20 steps.
    pub fn smoothed(&self) -> f64 {
        self.fast
    }

    /// True once the loss stands far above where it began.
    pub fn diverging(&self) -> bool {
        let margin = (5.0 * self.deviation.max(0.0).sqrt()).max(self.start.abs());
        self.seen > 5 * Self::START && self.fast > self.start + margin
    }

    /// True when some 200 steps changed the loss by less than a thousandth.
    pub fn plateau(&self) -> bool {
        self.seen > 600 && (self.fast - self.slow).abs() < 1e-3 * self.slow.abs().max(1e-12)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::rng::{Key, Purpose};

    fn normal(n: usize, d: usize) -> Vec<f32> {
        let mut rng = Key::new(2, Purpose::Eval).rng();
        (0..n * d).map(|_| rng.normal()).collect()
    }

    fn health(values: Vec<f32>, n: usize, d: usize) -> Health {
        let t = Tensor::from_vec(values, (n, d), &Device::Cpu).unwrap();
        feature_health(&t, Some(&t)).unwrap()
    }

    #[test]
    fn features_that_fill_the_sphere_are_healthy() {
        let h = health(normal(200, 32), 200, 32);
        assert_eq!(h.verdict, Verdict::Healthy);
        assert!((h.feature_std - 1.0 / 32f64.sqrt()).abs() < 0.01, "{h:?}");
        assert!((h.spread - 1.0).abs() < 0.05 && h.effective_rank > 28.0, "{h:?}");
        assert_eq!(h.alignment, Some(0.0));
        assert!(h.uniformity < -3.0, "{h:?}");
    }

    #[test]
    fn a_planted_collapse_is_called_a_collapse() {
        let noise = normal(64, 16);
        let constant: Vec<f32> = noise.iter().enumerate().map(|(i, x)| (i % 16) as f32 + 1e-3 * x).collect();
        let h = health(constant, 64, 16);
        assert_eq!(h.verdict, Verdict::Constant);
        assert!(h.verdict.warning().unwrap().contains("COLLAPSE"));
        let line: Vec<f32> =
            (0..64 * 16).map(|i| ((i % 16) as f32 + 1.0) * if i / 16 % 2 == 0 { 1.0 } else { -1.0 }).collect();
        let h = health(line, 64, 16);
        assert_eq!((h.verdict, h.effective_rank.round()), (Verdict::OneDimensional, 1.0));
    }

    #[test]
    fn features_that_are_not_finite_are_called_so() {
        let mut values = normal(8, 4);
        values[3] = f32::NAN;
        assert_eq!(health(values, 8, 4).verdict, Verdict::NotFinite);
    }

    #[test]
    fn the_effective_rank_of_k_equal_directions_is_k() {
        let mut values = vec![0.0; 12 * 8];
        for i in 0..12 {
            values[i * 8 + i % 3] = 1.0;
        }
        assert!((health(values, 12, 8).effective_rank - 3.0).abs() < 1e-6);
    }

    #[test]
    fn a_loss_that_climbs_diverges_and_one_that_stands_is_a_plateau() {
        let run = |f: &dyn Fn(u64) -> f64| {
            let mut trend = LossTrend::default();
            (0..1000).for_each(|k| trend.push(f(k)));
            (trend.diverging(), trend.plateau())
        };
        assert_eq!(run(&|k| 1.0 + k as f64 * 0.01), (true, false));
        assert_eq!(run(&|k| 5.0 / (1.0 + k as f64)), (false, false));
        assert_eq!(run(&|_| 0.7), (false, true));
    }

    #[test]
    fn the_trend_comes_back_from_json_with_the_same_bits() {
        let mut trend = LossTrend::default();
        (0..50).for_each(|k| trend.push(1.0 / (3.0 + f64::from(k))));
        let again: LossTrend = serde_json::from_str(&serde_json::to_string(&trend).unwrap()).unwrap();
        assert_eq!(again, trend);
    }
}
