//! From predictions to figures: a pure function of predictions, targets, groups and seed.

use manabi_core::{
    Result,
    eval::{
        regression::metrics::{Errors, nasa_score},
        statistics::Bootstrap,
    },
};

use super::{
    data::Targets,
    report::{RegressionContrast, RegressionRow},
};
use crate::study::resampled;

/// One representation at one budget: the predictions of every draw.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// `mean`, `raw`, `random` or `ssl-linear`.
    pub representation: &'static str,
    /// The method's name, or the model's.
    pub method: String,
    /// Index of the budget.
    pub level: usize,
    /// A prediction for each test row, for each draw.
    pub predictions: Vec<Vec<f64>>,
}

impl Cell {
    /// Squared errors, by draw.
    fn squares(&self, truth: &[f64]) -> Vec<Vec<f64>> {
        self.predictions.iter().map(|p| p.iter().zip(truth).map(|(p, t)| (p - t).powi(2)).collect()).collect()
    }
}

/// Root of the mean over some rows.
fn root(squares: &[f64], rows: &[u32]) -> f64 {
    (rows.iter().map(|&row| squares[row as usize]).sum::<f64>() / rows.len().max(1) as f64).sqrt()
}

/// The table's row of a cell.
pub fn row(cell: &Cell, data: &Targets, nasa: bool, bootstrap: &Bootstrap) -> Result<RegressionRow> {
    let level = &data.levels[cell.level];
    let units = resampled::units(data.truth.len(), data.test_groups.as_deref())?;
    let squares = cell.squares(&data.truth);
    let rmse = bootstrap.statistic(squares.len(), &units, |draw, rows| root(&squares[draw], rows))?;
    let errors = cell.predictions.iter().map(|p| Errors::of(&data.truth, p)).collect::<Result<Vec<_>>>()?;
    let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let r2: Option<Vec<f64>> = errors.iter().map(|e| e.r2).collect();
    let scores = match nasa {
        true => Some(cell.predictions.iter().map(|p| nasa_score(&data.truth, p)).collect::<Result<Vec<_>>>()?),
        false => None,
    };
    Ok(RegressionRow {
        representation: cell.representation.into(),
        method: cell.method.clone(),
        units: level.units,
        labels: level.draws.first().map_or(0, Vec::len),
        rmse: rmse.into(),
        mae: mean(errors.iter().map(|e| e.mae).collect()),
        r2: r2.map(mean),
        nasa_score: scores.map(mean),
        draws: cell.predictions.len(),
    })
}

/// The RMSE of `a` less that of `b`, on the same draws and test rows.
pub fn contrast(a: &Cell, b: &Cell, data: &Targets, bootstrap: &Bootstrap) -> Result<RegressionContrast> {
    let units = resampled::units(data.truth.len(), data.test_groups.as_deref())?;
    let (first, second) = (a.squares(&data.truth), b.squares(&data.truth));
    let draws = first.len().min(second.len());
    let difference =
        bootstrap.statistic(draws, &units, |draw, rows| root(&first[draw], rows) - root(&second[draw], rows))?;
    Ok(RegressionContrast {
        units: data.levels[a.level].units,
        against: b.representation.into(),
        difference: difference.into(),
    })
}

/// One sentence a budget: how the self-supervised row stands against each other one.
pub fn verdict(contrasts: &[RegressionContrast], unit: &str) -> String {
    let mut lines = Vec::new();
    for level in contrasts.chunk_by(|a, b| a.units == b.units) {
        let (mut better, mut worse, mut open) = (Vec::new(), Vec::new(), Vec::new());
        for contrast in level {
            let d = &contrast.difference;
            let text = format!("{} ({:+.3}, {:+.3} to {:+.3})", name(&contrast.against), d.mean, d.low, d.high);
            let list = if d.high < 0.0 {
                &mut better
            } else if d.low > 0.0 {
                &mut worse
            } else {
                &mut open
            };
            list.push(text);
        }
        let say = |what: &str, list: Vec<String>| (!list.is_empty()).then(|| format!("{what} {}", list.join(", ")));
        let said: Vec<String> = [
            say("a smaller error than", better),
            say("no smaller error, as far as these rows show, than", open),
            say("a larger error than", worse),
        ]
        .into_iter()
        .flatten()
        .collect();
        let units = level.first().map_or(0, |c| c.units);
        lines.push(format!("With {units} {unit} the pre-trained encoder has {}.", said.join("; ")));
    }
    lines.join("\n")
}

fn name(representation: &str) -> &str {
    match representation {
        "mean" => "the mean of the targets",
        "raw" => "raw features",
        "random" => "a random encoder",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::{super::data::Level, *};

    fn data(groups: Option<Vec<u64>>) -> Targets {
        let level = Level { units: 2, draws: vec![vec![0, 1, 2]] };
        let truth = (0..40).map(f64::from).collect();
        Targets { truth, test_groups: groups, levels: vec![level], ..Targets::default() }
    }

    fn cell(representation: &'static str, off: f64) -> Cell {
        let wave = |i: i32| f64::from(i) + off * f64::from(i % 3 - 1) + 0.1;
        Cell { representation, method: "m".into(), level: 0, predictions: vec![(0..40).map(wave).collect(); 2] }
    }

    #[test]
    fn figures_are_means_over_draws_and_the_score_only_where_asked() {
        let bootstrap = Bootstrap::default();
        let row_of = |nasa| row(&cell("raw", 2.0), &data(None), nasa, &bootstrap).unwrap();
        let plain = row_of(false);
        assert_eq!((plain.units, plain.labels, plain.draws, plain.nasa_score), (2, 3, 2, None));
        assert!((plain.rmse.mean - 1.63).abs() < 0.05 && plain.r2.unwrap() > 0.97, "{plain:?}");
        assert!(plain.rmse.low < plain.rmse.mean && plain.rmse.mean < plain.rmse.high);
        assert!(row_of(true).nasa_score.unwrap() > 0.0);
    }

    #[test]
    fn the_verdict_claims_only_what_the_interval_bears_out() {
        let bootstrap = Bootstrap::default();
        let (good, bad) = (cell("ssl-linear", 0.5), cell("raw", 3.0));
        let better = contrast(&good, &bad, &data(None), &bootstrap).unwrap();
        assert!(better.difference.high < 0.0, "{better:?}");
        let same = contrast(&good, &cell("random", 0.5), &data(None), &bootstrap).unwrap();
        let text = verdict(&[better, same], "engines");
        assert!(text.contains("With 2 engines") && text.contains("a smaller error than raw features"), "{text}");
        assert!(text.contains("no smaller error, as far as these rows show, than a random encoder"), "{text}");
        let worse = contrast(&bad, &good, &data(None), &bootstrap).unwrap();
        assert!(verdict(&[worse], "rows").contains("a larger error than"));
    }
}
