//! How many labels are saved: where the supervised curve reaches the self-supervised score.

use crate::report::schema::{LabelSaving, Representation, Row};

/// The labels that supervised training needs for the score of `ssl`, interpolated on the logarithm of the labels.
/// `None` where supervised training was not measured at two budgets, or not at the budget of `ssl`.
pub fn of(ssl: &Row, rows: &[Row]) -> Option<LabelSaving> {
    let mut curve: Vec<(usize, f64)> = rows
        .iter()
        .filter(|row| row.representation == Representation::Supervised && row.labels > 0 && row.mean.is_finite())
        .map(|row| (row.labels, row.mean))
        .collect();
    curve.sort_by_key(|point| point.0);
    curve.dedup_by_key(|point| point.0);
    curve.retain(|point| point.0 >= ssl.labels);
    let (first, most) = (curve.first()?.0, curve.last()?.0);
    if first != ssl.labels || curve.len() < 2 {
        return None;
    }
    let reached = reach(&curve, ssl.mean);
    Some(LabelSaving {
        labels: ssl.labels,
        supervised: reached.unwrap_or(most),
        reached: reached.is_some(),
        low: reach(&curve, ssl.low).unwrap_or(most),
        high: reach(&curve, ssl.high),
    })
}

/// The first place where the curve reaches the score: where it is not monotone, this counts the fewest labels saved.
fn reach(curve: &[(usize, f64)], score: f64) -> Option<usize> {
    if curve.first()?.1 >= score {
        return Some(curve.first()?.0);
    }
    curve.windows(2).find(|pair| pair[1].1 >= score).map(|pair| {
        let ((from, below), (to, above)) = (pair[0], pair[1]);
        let share = (score - below) / (above - below);
        let (from, to) = ((from as f64).ln(), (to as f64).ln());
        (from + share * (to - from)).exp().round() as usize
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(representation: Representation, labels: usize, mean: f64) -> Row {
        Row {
            representation,
            method: "m".into(),
            labels,
            fraction: labels as f64 / 1000.0,
            mean,
            low: mean - 0.05,
            high: mean + 0.05,
            seeds: 3,
        }
    }

    fn supervised(points: &[(usize, f64)]) -> Vec<Row> {
        points.iter().map(|&(labels, mean)| row(Representation::Supervised, labels, mean)).collect()
    }

    #[test]
    fn the_middle_of_two_scores_is_the_geometric_mean_of_their_labels() {
        let saving = of(&row(Representation::SslLinear, 10, 0.6), &supervised(&[(10, 0.4), (1000, 0.8)])).unwrap();
        assert_eq!((saving.supervised, saving.reached), (100, true));
        assert!(saving.low < 100 && saving.high.unwrap() > 100);
    }

    #[test]
    fn a_score_that_supervised_training_never_reaches_needs_more_than_all_labels() {
        let saving = of(&row(Representation::SslLinear, 10, 0.9), &supervised(&[(10, 0.4), (1000, 0.8)])).unwrap();
        assert_eq!((saving.supervised, saving.reached, saving.high), (1000, false, None));
    }

    #[test]
    fn nothing_is_saved_where_supervised_training_is_as_good_at_once() {
        let saving = of(&row(Representation::SslLinear, 10, 0.3), &supervised(&[(10, 0.4), (1000, 0.8)])).unwrap();
        assert_eq!(saving.supervised, 10);
    }

    #[test]
    fn a_curve_that_falls_counts_its_first_crossing() {
        let rows = supervised(&[(10, 0.4), (100, 0.7), (300, 0.5), (1000, 0.8)]);
        let saving = of(&row(Representation::SslLinear, 10, 0.7), &rows).unwrap();
        assert_eq!(saving.supervised, 100);
    }

    #[test]
    fn one_budget_gives_no_curve() {
        assert!(of(&row(Representation::SslLinear, 10, 0.7), &supervised(&[(10, 0.4)])).is_none());
    }
}
