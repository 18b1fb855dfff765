//! How far predictions are from the truth.
//!
//! RMSE `√(mean d²)`, MAE `mean |d|` and R² `1 - Σ d² / Σ (t - mean t)²` with `d = predicted - true`, as scikit-learn's; and the
//! score of the PHM08 data challenge for remaining life (Saxena, Goebel, Simon & Eklund 2008, *Damage Propagation Modeling for
//! Aircraft Engine Run-to-Failure Simulation*): `Σ s(d)`, `s(d) = exp(-d/13) - 1` for `d < 0`, `exp(d/10) - 1` for `d ≥ 0`, in
//! cycles: to promise too long a life costs more than to promise too short a one. It is a sum, so that it can be compared
//! only on the same test rows (one a machine, in the literature), and one bad row can decide it.
//!
//! Shapes: truth and predictions `(N,)`, in the target's unit. Cost: `N`.

use crate::{Error, Result};

/// The figures of one set of predictions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Errors {
    /// Root mean squared error, in the target's unit.
    pub rmse: f64,
    /// Mean absolute error, in the target's unit.
    pub mae: f64,
    /// Share of the truth's variance that is explained, at most 1; `None` where the truth does not vary.
    pub r2: Option<f64>,
}

impl Errors {
    /// Takes them.
    pub fn of(truth: &[f64], predicted: &[f64]) -> Result<Self> {
        check(truth, predicted)?;
        let n = truth.len() as f64;
        let squares: f64 = differences(truth, predicted).map(|d| d * d).sum();
        let mean = truth.iter().sum::<f64>() / n;
        let spread: f64 = truth.iter().map(|t| (t - mean).powi(2)).sum();
        // A spread of mere rounding is none.
        let varies = spread.sqrt() > 1e-9 * mean.abs() * n.sqrt();
        Ok(Self {
            rmse: (squares / n).sqrt(),
            mae: differences(truth, predicted).map(f64::abs).sum::<f64>() / n,
            r2: (varies && spread > 0.0).then(|| 1.0 - squares / spread),
        })
    }
}

/// The PHM08 score; lower is better, 0 is perfect.
pub fn nasa_score(truth: &[f64], predicted: &[f64]) -> Result<f64> {
    check(truth, predicted)?;
    Ok(differences(truth, predicted).map(|d| if d < 0.0 { (-d / 13.0).exp_m1() } else { (d / 10.0).exp_m1() }).sum())
}

fn differences<'a>(truth: &'a [f64], predicted: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
    truth.iter().zip(predicted).map(|(t, p)| p - t)
}

fn check(truth: &[f64], predicted: &[f64]) -> Result<()> {
    if truth.is_empty() || truth.len() != predicted.len() {
        return Err(Error::data(format!("{} true numbers, {} predictions", truth.len(), predicted.len())));
    }
    if let Some(row) = truth.iter().zip(predicted).position(|(t, p)| !t.is_finite() || !p.is_finite()) {
        return Err(Error::data(format!("row {row}: {} is predicted where {} is true", predicted[row], truth[row])));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    // import numpy as np; from sklearn.metrics import *
    // t = np.array([112., 98, 69, 82, 91]); p = np.array([105., 98, 80.5, 70, 93])
    // print(root_mean_squared_error(t, p), mean_absolute_error(t, p), r2_score(t, p)); d = p - t
    // print(np.where(d < 0, np.exp(-d/13) - 1, np.exp(d/10) - 1).sum())
    #[test]
    fn figures_are_those_of_scikit_learn_and_of_the_formula() {
        let (truth, predicted) = ([112.0, 98.0, 69.0, 82.0, 91.0], [105.0, 98.0, 80.5, 70.0, 93.0]);
        let errors = Errors::of(&truth, &predicted).unwrap();
        assert!((errors.rmse - 8.114801291467339).abs() < 1e-9 && (errors.mae - 6.5).abs() < 1e-12, "{errors:?}");
        assert!((errors.r2.unwrap() - 0.6873813140903913).abs() < 1e-9);
        assert!((nasa_score(&truth, &predicted).unwrap() - 4.60998772314766).abs() < 1e-9);
    }

    #[test]
    fn too_long_a_life_costs_more_than_too_short_a_one() {
        let score = |d: f64| nasa_score(&[100.0], &[100.0 + d]).unwrap();
        assert!(score(20.0) > score(-20.0) && score(0.0) == 0.0);
        assert!((score(10.0) - (1f64.exp() - 1.0)).abs() < 1e-12 && (score(-13.0) - score(10.0)).abs() < 1e-12);
    }

    #[test]
    fn a_truth_that_does_not_vary_has_no_r2_and_what_is_no_number_is_refused() {
        assert_eq!(Errors::of(&[0.1; 3], &[0.1; 3]).unwrap(), Errors { rmse: 0.0, mae: 0.0, r2: None });
        assert!(Errors::of(&[], &[]).is_err() && nasa_score(&[1.0], &[1.0, 2.0]).is_err());
        assert!(Errors::of(&[1.0, 2.0], &[1.0, f64::NAN]).unwrap_err().to_string().contains("row 1"));
    }
}
