//! Ridge regression on frozen features.
//!
//! Source: Hoerl & Kennard 1970. `min_w mean (t - b - wᵀz)² + s ‖w‖²` on standardised features, the intercept free. With the
//! principal axes `v_j`, `λ_j` of the rows ([`Axes`], found in the smaller of rows and columns) and `c = V z`, it is
//! `w·z = Σ_j c_j β_j/(λ_j + s)`, `β_j = mean (t - mean t) c_j`, so that one decomposition serves all strengths.
//!
//! The strength is chosen by the squared error of rows that were not fitted on. Without groups these are single rows: by
//! `r_i/(1 - h_i)`, `h_i = 1/N + Σ_j c_ij²/(N (λ_j + s))`, exactly those of leaving each out (Allen 1974, PRESS; the scale stays).
//! With groups (machines) a row's own group would give it away, so groups are held out, in five folds. Equal errors go to
//! the stronger.
//!
//! Shapes: features `(N, D)`, targets `(N,)`. Cost: that of the [`Axes`] (six times with groups), `N min(N, D)` a strength.

use super::super::{axes::Axes, features::Features, split};
use crate::{Error, Result};

/// How the strength is chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Strengths `s` that are tried, ascending.
    pub strengths: Vec<f64>,
    /// Folds of held-out groups.
    pub folds: usize,
    /// What the folds are drawn from.
    pub seed: u64,
}

impl Default for Config {
    /// Half decades from 10⁻⁵ to 10³: from almost none to almost the mean, since standardised features have variance 1.
    fn default() -> Self {
        Self { strengths: (-10..=6).map(|half| 10f64.powf(0.5 * f64::from(half))).collect(), folds: 5, seed: 0 }
    }
}

impl Config {
    /// Says what cannot work.
    pub fn validate(&self) -> Result<()> {
        if self.strengths.is_empty() || self.strengths.iter().any(|s| !(*s > 0.0 && s.is_finite())) || self.folds < 2 {
            return Err(Error::config("ridge regression needs strengths above 0 and at least 2 folds"));
        }
        Ok(())
    }
}

/// A fitted model.
#[derive(Clone, Debug)]
pub struct Ridge {
    rows: Rows,
    strength: f64,
    path: Vec<(f64, f64)>,
}

impl Ridge {
    /// Fits with one strength.
    pub fn fit(features: &Features, targets: &[f64], strength: f64) -> Result<Self> {
        Config { strengths: vec![strength], ..Config::default() }.validate()?;
        Ok(Self { rows: Rows::new(features, targets)?.0, strength, path: Vec::new() })
    }

    /// Fits with the strength that does best on rows (of `groups`, where there are at least two) that are held out.
    pub fn fit_select(features: &Features, targets: &[f64], groups: Option<&[u64]>, config: &Config) -> Result<Self> {
        config.validate()?;
        let (rows, coordinates) = Rows::new(features, targets)?;
        let n = targets.len();
        let mut distinct = groups.unwrap_or_default().to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        let errors = if distinct.len() < 2 {
            config.strengths.iter().map(|&s| rows.leave_one_out(&coordinates, targets, s)).collect()
        } else {
            let mut errors = vec![0.0; config.strengths.len()];
            for fold in split::kfold(&vec![None; n], groups, config.folds.min(distinct.len()), config.seed)? {
                let pick = |rows: &[usize]| -> Vec<f64> { rows.iter().map(|&row| targets[row]).collect() };
                // One row alone has no spread to learn from: its mean is all that it says.
                if fold.train.len() < 2 {
                    continue;
                }
                let (others, _) = Rows::new(&features.select(&fold.train), &pick(&fold.train))?;
                let seen = others.axes.see(&features.select(&fold.held_out))?;
                let truth = pick(&fold.held_out);
                for (error, &s) in errors.iter_mut().zip(&config.strengths) {
                    *error += squares(&others.predict(&seen.coordinates, truth.len(), s), &truth);
                }
            }
            errors
        };
        let path: Vec<(f64, f64)> =
            config.strengths.iter().zip(errors).map(|(&s, error): (_, f64)| (s, (error / n as f64).sqrt())).collect();
        let best = path.iter().copied().reduce(|best, next| if next.1 <= best.1 { next } else { best });
        let strength = best.map_or(1.0, |best| best.0);
        Ok(Self { rows, strength, path })
    }

    /// The predictions `(N,)` for rows `(N, D)`.
    pub fn predict(&self, features: &Features) -> Result<Vec<f64>> {
        let seen = self.rows.axes.see(features)?;
        Ok(self.rows.predict(&seen.coordinates, features.rows(), self.strength))
    }

    /// The strength that was used.
    pub fn strength(&self) -> f64 {
        self.strength
    }

    /// Each strength that was tried with the RMSE of held-out rows.
    pub fn path(&self) -> &[(f64, f64)] {
        &self.path
    }
}

/// Rows seen from their axes, and how the target goes with each.
#[derive(Clone, Debug)]
struct Rows {
    axes: Axes,
    mean: f64,
    /// `β_j`.
    slopes: Vec<f64>,
}

impl Rows {
    /// And the coordinates of the rows.
    fn new(features: &Features, targets: &[f64]) -> Result<(Self, Vec<f64>)> {
        let n = features.rows();
        if n != targets.len() {
            return Err(Error::data(format!("{} targets for {n} rows", targets.len())));
        }
        if let Some(row) = targets.iter().position(|t| !t.is_finite()) {
            return Err(Error::data(format!("the target of row {row} is {}", targets[row])));
        }
        let axes = Axes::fit(features)?;
        let coordinates = axes.see(features)?.coordinates;
        let mean = targets.iter().sum::<f64>() / n as f64;
        let r = axes.values().len();
        let mut slopes = vec![0.0; r];
        for (row, t) in coordinates.chunks_exact(r.max(1)).zip(targets) {
            slopes.iter_mut().zip(row).for_each(|(slope, c)| *slope += (t - mean) * c / n as f64);
        }
        Ok((Self { axes, mean, slopes }, coordinates))
    }

    fn weights(&self, strength: f64) -> Vec<f64> {
        self.slopes.iter().zip(self.axes.values()).map(|(slope, value)| slope / (value + strength)).collect()
    }

    fn predict(&self, coordinates: &[f64], rows: usize, strength: f64) -> Vec<f64> {
        let weights = self.weights(strength);
        let of = |row: usize| &coordinates[row * weights.len()..(row + 1) * weights.len()];
        (0..rows).map(|row| self.mean + of(row).iter().zip(&weights).map(|(c, w)| c * w).sum::<f64>()).collect()
    }

    /// The sum of squared errors when each row is predicted by the others.
    fn leave_one_out(&self, coordinates: &[f64], targets: &[f64], strength: f64) -> f64 {
        let n = targets.len() as f64;
        let r = self.slopes.len();
        let inverse: Vec<f64> = self.axes.values().iter().map(|value| 1.0 / (n * (value + strength))).collect();
        let predicted = self.predict(coordinates, targets.len(), strength);
        let error = |(row, (t, p)): (usize, (&f64, &f64))| {
            let own = &coordinates[row * r..(row + 1) * r];
            let leverage = 1.0 / n + own.iter().zip(&inverse).map(|(c, i)| c * c * i).sum::<f64>();
            ((t - p) / (1.0 - leverage).max(1e-12)).powi(2)
        };
        targets.iter().zip(&predicted).enumerate().map(error).sum()
    }
}

fn squares(predicted: &[f64], truth: &[f64]) -> f64 {
    predicted.iter().zip(truth).map(|(p, t)| (p - t).powi(2)).sum()
}

#[cfg(test)]
mod tests;
