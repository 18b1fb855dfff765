//! Each self-supervised row against its three baselines, with the correction for having tried several.

use super::{LEVEL, MIN_GAIN, MIN_PAIRS};
use crate::report::schema::{Against, Comparison, Outcome, Representation, Row};

/// A self-supervised row and its differences to the baselines of the same budget.
#[derive(Debug, Clone)]
pub struct Contrast<'r> {
    /// The row.
    pub row: &'r Row,
    /// Supervised, raw features and random encoder, in this order.
    pub against: Vec<Against>,
    /// The Holm-corrected p value of beating all of them; `None` where a test is missing.
    pub corrected_p: Option<f64>,
    /// The fewest independent test rows (groups, where there are any) of its comparisons.
    pub pairs: usize,
}

impl Contrast<'_> {
    /// Better than every baseline, by interval and by corrected p.
    pub fn wins(&self) -> bool {
        self.leads() && self.corrected_p.is_some_and(|p| p <= LEVEL)
    }

    /// Better than every baseline by interval alone.
    pub fn leads(&self) -> bool {
        self.against.iter().all(|one| one.outcome == Outcome::Better)
    }

    /// Some baseline is better, or the gain over it is less than anybody would pay for. On a handful of test rows equal
    /// predictions have an interval of no width and say nothing.
    pub fn gains_nothing(&self) -> bool {
        self.pairs >= MIN_PAIRS && self.against.iter().any(|one| one.high.is_some_and(|high| high < MIN_GAIN))
    }

    /// The least of the intervals' lower ends.
    pub fn worst_low(&self) -> f64 {
        self.against.iter().filter_map(|one| one.low).fold(f64::INFINITY, f64::min)
    }

    /// The difference to one baseline.
    pub fn to(&self, baseline: Representation) -> Option<&Against> {
        self.against.iter().find(|one| one.baseline == baseline)
    }
}

/// All contrasts, smallest budget first. kNN is a way to watch an encoder rather than to use one, so its rows count only
/// where there is neither a linear probe nor a fine-tuned encoder.
pub fn all<'r>(rows: &'r [Row], comparisons: &[Comparison]) -> Vec<Contrast<'r>> {
    let readouts = [Representation::SslLinear, Representation::SslFinetune];
    let any = rows.iter().any(|row| readouts.contains(&row.representation));
    let counts = |row: &&Row| {
        let readout = if any { readouts.contains(&row.representation) } else { row.representation.is_ssl() };
        readout && row.mean.is_finite()
    };
    let given = rows.iter().any(|row| row.representation == Representation::Given);
    let baselines = Representation::BASELINES.into_iter().chain(given.then_some(Representation::Given));
    let mut contrasts: Vec<_> = rows
        .iter()
        .filter(counts)
        .map(|row| Contrast {
            row,
            against: baselines.clone().map(|baseline| against(row, baseline, comparisons)).collect(),
            corrected_p: None,
            pairs: pairs(row, comparisons),
        })
        .collect();
    contrasts.sort_by_key(|contrast| contrast.row.labels);
    correct(&mut contrasts);
    contrasts
}

/// The fewest pairs among a row's comparisons.
fn pairs(row: &Row, comparisons: &[Comparison]) -> usize {
    let own =
        |one: &&Comparison| one.labels == row.labels && (one.a == row.representation || one.b == row.representation);
    comparisons.iter().filter(own).map(|one| one.pairs).min().unwrap_or(0)
}

/// Looks the paired test up, in whichever direction it was made.
fn against(row: &Row, baseline: Representation, comparisons: &[Comparison]) -> Against {
    let is_row = |representation, method: &str| representation == row.representation && method == row.method;
    let found = comparisons.iter().filter(|one| one.labels == row.labels).find_map(|one| {
        if is_row(one.a, &one.a_method) && one.b == baseline {
            Some((one.difference, one.low, one.high, one.p))
        } else if is_row(one.b, &one.b_method) && one.a == baseline {
            Some((-one.difference, -one.high, -one.low, one.p))
        } else {
            None
        }
    });
    let Some((difference, low, high, p)) = found.filter(|(d, low, high, _)| (d + low + high).is_finite()) else {
        let outcome = Outcome::Untested;
        return Against { baseline, outcome, difference: None, low: None, high: None, p: None };
    };
    let outcome = if low > 0.0 {
        Outcome::Better
    } else if high < 0.0 {
        Outcome::Worse
    } else {
        Outcome::Open
    };
    Against { baseline, outcome, difference: Some(difference), low: Some(low), high: Some(high), p }
}

/// Holm's step-down correction. Beating all baselines at once is an intersection-union test: its p is the largest one.
fn correct(contrasts: &mut [Contrast<'_>]) {
    let mut ordered: Vec<(usize, f64)> =
        contrasts.iter().enumerate().filter_map(|(index, contrast)| Some((index, joint_p(contrast)?))).collect();
    ordered.sort_by(|a, b| a.1.total_cmp(&b.1));
    let tried = contrasts.len();
    let mut floor: f64 = 0.0;
    for (rank, (index, p)) in ordered.into_iter().enumerate() {
        floor = floor.max((p * (tried - rank) as f64).min(1.0));
        contrasts[index].corrected_p = Some(floor);
    }
}

/// The largest p of the three; a difference in the wrong direction counts as 1.
fn joint_p(contrast: &Contrast<'_>) -> Option<f64> {
    contrast.against.iter().try_fold(0f64, |largest, one| {
        let difference = one.difference?;
        let p = match one.p.filter(|p| p.is_finite()) {
            Some(p) => p,
            None => p_of_interval(difference, one.low?, one.high?),
        };
        Some(largest.max(if difference > 0.0 { p } else { 1.0 }))
    })
}

/// The two-sided p value of a normal interval of 95 %, for tests that give an interval only.
fn p_of_interval(difference: f64, low: f64, high: f64) -> f64 {
    let error = (high - low) / (2.0 * 1.959_964);
    if error <= 0.0 {
        return if difference == 0.0 { 1.0 } else { 0.0 };
    }
    let z = (difference / error).abs();
    // Abramowitz and Stegun 7.1.26, to 1.5e-7: plenty for a p value.
    let x = z / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let poly =
        t * (0.254_829_592 + t * (-0.284_496_736 + t * (1.421_413_741 + t * (-1.453_152_027 + t * 1.061_405_429))));
    (poly * (-x * x).exp()).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_that_just_touches_zero_has_a_p_of_five_percent() {
        assert!((p_of_interval(1.0, 0.0, 2.0) - 0.05).abs() < 1e-4);
        assert!((p_of_interval(0.0, -1.0, 1.0) - 1.0).abs() < 1e-6);
    }
}
