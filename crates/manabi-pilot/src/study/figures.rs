//! From predictions to the report's rows and paired comparisons.
//!
//! A test row scores 1 where the prediction is right, weighted by its class where the metric is
//! balanced accuracy, so that every figure is a mean over test rows and seeds and can be
//! bootstrapped and paired, group by group where rows have groups. Fewer than [`MIN_GROUPS`] groups cannot be
//! resampled: no interval of two speakers tells how a third one differs. Their rows are, then, and the report says
//! that the intervals speak of these groups alone.

use manabi_core::{
    Result,
    eval::{metrics::Metric, statistics::Bootstrap, units::Units},
};

use super::{cells::Cell, labelled::Labelled, parts::distinct};
use crate::report::{Comparison, MIN_GROUPS, Representation, Row};

/// The report's rows, by budget, baselines first.
pub fn rows(cells: &[Cell], data: &Labelled, metric: Metric, bootstrap: &Bootstrap) -> Result<Vec<Row>> {
    let weights = weights(&data.truth, metric);
    let units = units(data)?;
    let mut rows = Vec::with_capacity(cells.len());
    for cell in ordered(cells) {
        let level = &data.levels[cell.level];
        let interval = bootstrap.mean(&scores(cell, &data.truth, &weights), &units)?;
        rows.push(Row {
            representation: cell.representation,
            method: cell.method.clone(),
            labels: level.labels,
            fraction: level.fraction,
            mean: interval.mean,
            low: interval.low.max(0.0),
            high: interval.high.min(1.0),
            seeds: cell.predictions.len(),
        });
    }
    Ok(rows)
}

/// Every self-supervised row against every baseline at the same budget.
pub fn comparisons(cells: &[Cell], data: &Labelled, metric: Metric, bootstrap: &Bootstrap) -> Result<Vec<Comparison>> {
    let weights = weights(&data.truth, metric);
    let units = units(data)?;
    let mut all = Vec::new();
    for a in ordered(cells).into_iter().filter(|c| c.representation.is_ssl()) {
        for b in ordered(cells).into_iter().filter(|c| c.level == a.level && !c.representation.is_ssl()) {
            let seeds = a.predictions.len().max(b.predictions.len());
            // A probe with all labels has one result; a training beside it has several.
            let first = repeated(scores(a, &data.truth, &weights), seeds);
            let second = repeated(scores(b, &data.truth, &weights), seeds);
            let paired = bootstrap.paired(&first, &second, &units)?;
            let level = &data.levels[a.level];
            all.push(Comparison {
                a: a.representation,
                a_method: a.method.clone(),
                b: b.representation,
                b_method: b.method.clone(),
                labels: level.labels,
                fraction: level.fraction,
                difference: paired.difference.mean,
                low: paired.difference.low,
                high: paired.difference.high,
                p: Some(paired.p),
                pairs: units.len(),
                test: match data.test_groups.as_deref().map(distinct) {
                    None => "paired sign-flip test over test rows".into(),
                    Some(few) if few < MIN_GROUPS => "paired sign-flip test over test rows of these groups".into(),
                    Some(_) => "paired sign-flip test over groups of test rows".into(),
                },
            });
        }
    }
    Ok(all)
}

/// What is drawn as a whole: groups of test rows where there are enough of them, or rows.
fn units(data: &Labelled) -> Result<Units> {
    let groups = data.test_groups.as_deref().filter(|groups| distinct(groups) >= MIN_GROUPS);
    Units::of(data.truth.len(), groups)
}

fn ordered(cells: &[Cell]) -> Vec<&Cell> {
    let rank = |r: Representation| Representation::ALL.iter().position(|x| *x == r);
    let mut cells: Vec<&Cell> = cells.iter().filter(|c| !c.predictions.is_empty()).collect();
    cells.sort_by_key(|c| (c.level, rank(c.representation)));
    cells
}

fn repeated(mut scores: Vec<Vec<f64>>, seeds: usize) -> Vec<Vec<f64>> {
    while let (Some(first), true) = (scores.first().cloned(), scores.len() < seeds) {
        scores.push(first);
    }
    scores
}

fn scores(cell: &Cell, truth: &[u32], weights: &[f64]) -> Vec<Vec<f64>> {
    let score = |(p, (t, w)): (&u32, (&u32, &f64))| if p == t { *w } else { 0.0 };
    cell.predictions.iter().map(|p| p.iter().zip(truth.iter().zip(weights)).map(score).collect()).collect()
}

/// What a right answer is worth: 1, or `n / (classes · n_class)` for balanced accuracy.
fn weights(truth: &[u32], metric: Metric) -> Vec<f64> {
    if metric == Metric::Accuracy {
        return vec![1.0; truth.len()];
    }
    let classes = truth.iter().max().map_or(0, |m| *m as usize + 1);
    let mut counts = vec![0usize; classes];
    truth.iter().for_each(|&t| counts[t as usize] += 1);
    let present = counts.iter().filter(|c| **c > 0).count().max(1);
    truth.iter().map(|&t| truth.len() as f64 / (present * counts[t as usize]) as f64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::labelled::Level;

    fn data() -> Labelled {
        let level = Level { labels: 4, fraction: 0.5, draws: Vec::new(), short: Vec::new() };
        Labelled { truth: vec![0, 0, 0, 1], levels: vec![level], ..Labelled::default() }
    }

    fn cell(representation: Representation, predictions: Vec<Vec<u32>>) -> Cell {
        Cell { representation, method: "m".into(), level: 0, predictions }
    }

    #[test]
    fn accuracy_counts_rows_and_balanced_accuracy_counts_classes() {
        let cells = [cell(Representation::Raw, vec![vec![0, 0, 0, 0]])];
        let mean = |metric| rows(&cells, &data(), metric, &Bootstrap::default()).unwrap()[0].mean;
        assert!((mean(Metric::Accuracy) - 0.75).abs() < 1e-12);
        assert!((mean(Metric::BalancedAccuracy) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn a_self_supervised_row_is_compared_with_each_baseline() {
        let cells = [
            cell(Representation::SslLinear, vec![vec![0, 0, 0, 1]]),
            cell(Representation::Supervised, vec![vec![0, 0, 1, 1], vec![1, 0, 0, 1]]),
            cell(Representation::Raw, vec![vec![1, 1, 1, 0]]),
        ];
        let all = comparisons(&cells, &data(), Metric::Accuracy, &Bootstrap::default()).unwrap();
        assert_eq!(all.len(), 2);
        let against = |r| all.iter().find(|c| c.b == r).unwrap().difference;
        assert!((against(Representation::Raw) - 1.0).abs() < 1e-12);
        assert!((against(Representation::Supervised) - 0.25).abs() < 1e-12);
    }

    #[test]
    fn copies_in_one_group_widen_the_interval() {
        let labels = |groups| Labelled { truth: vec![0; 60], test_groups: groups, ..data() };
        let predictions: Vec<u32> = (0..60).map(|row| u32::from(row / 10 % 2 == 0)).collect();
        let cells = [cell(Representation::Raw, vec![predictions])];
        let width = |groups| {
            let row = rows(&cells, &labels(groups), Metric::Accuracy, &Bootstrap::default()).unwrap().remove(0);
            row.high - row.low
        };
        assert!(width(Some((0..60).map(|row| row / 10).collect())) > 1.5 * width(None));
        // Two groups cannot be resampled: their rows are.
        assert_eq!(width(Some((0..60).map(|row| row / 30).collect())), width(None));
    }
}
