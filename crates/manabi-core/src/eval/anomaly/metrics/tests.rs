//! Areas against scikit-learn's figures and pair by pair, intervals against what they promise.

use proptest::prelude::*;
use rand::{Rng, SeedableRng};

use super::*;

const TRUTH: [bool; 10] = [false, false, true, true, false, true, false, true, false, false];
const SCORES: [f64; 10] = [0.1, 0.4, 0.35, 0.8, 0.4, 0.4, 0.2, 0.9, 0.8, 0.05];

fn close(areas: Areas, auroc: f64, auprc: f64) {
    assert!((areas.auroc - auroc).abs() < 1e-12 && (areas.auprc - auprc).abs() < 1e-12, "{areas:?}");
}

// from sklearn.metrics import roc_auc_score, average_precision_score
// y = [0,0,1,1,0,1,0,1,0,0]; s = [.1,.4,.35,.8,.4,.4,.2,.9,.8,.05]; w = [1,2,0,3,1,1,2,1,1,1]
// for f in (roc_auc_score, average_precision_score): print(f(y, s), f(y, s, sample_weight=w))
#[test]
fn areas_are_those_of_scikit_learn_ties_and_repeated_rows_included() {
    let ranking = Ranking::new(&TRUTH, &SCORES).unwrap();
    close(ranking.areas(), 0.7708333333333334, 0.6845238095238095);
    close(ranking.weighted(&[1, 2, 0, 3, 1, 1, 2, 1, 1, 1]), 0.9, 0.7911111111111111);
}

#[test]
fn rows_of_one_kind_and_scores_that_are_no_numbers_are_refused() {
    let message = |truth: &[bool], scores: &[f64]| Ranking::new(truth, scores).unwrap_err().to_string();
    assert!(message(&[false; 3], &[1.0; 3]).contains("all 3 rows are normal"));
    assert!(message(&[true; 3], &[1.0; 3]).contains("all 3 rows are anomalous"));
    assert!(message(&[true, false], &[1.0, f64::NAN]).contains("row 1 is not a number"));
    assert!(message(&[true, false], &[1.0]).contains("2 rows, but 1"));
    assert!(Ranking::new(&[], &[]).is_err());
}

#[test]
fn a_score_that_says_nothing_has_one_half_and_the_share_of_anomalies() {
    close(Ranking::new(&TRUTH, &[3.0; 10]).unwrap().areas(), 0.5, 0.4);
}

#[test]
fn the_interval_of_an_auroc_is_about_that_of_hanley_and_mcneil() {
    // 100 anomalies half a deviation above 400 normal rows: AUROC about 0.64, standard error about 0.031.
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let mut normal = || (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0;
    let truth: Vec<bool> = (0..500).map(|i| i % 5 == 0).collect();
    let scores: Vec<f64> = truth.iter().map(|a| normal() + if *a { 0.5 } else { 0.0 }).collect();
    let ranking = Ranking::new(&truth, &scores).unwrap();
    let of = ranking.intervals(&Units::rows(500).unwrap(), &Resampling::default()).unwrap().auroc;
    let area = of.mean;
    let (q1, q2) = (area / (2.0 - area), 2.0 * area * area / (1.0 + area));
    let variance = (area * (1.0 - area) + 99.0 * (q1 - area * area) + 399.0 * (q2 - area * area)) / 40_000.0;
    let half = 1.96 * variance.sqrt();
    assert!((of.high - of.low - 2.0 * half).abs() < 0.3 * half, "{of:?} {half}");
    assert!(of.low < area && area < of.high);
}

#[test]
fn copies_of_rows_in_one_group_do_not_narrow_the_interval() {
    let times = |n: usize| -> (Vec<bool>, Vec<f64>, Vec<u64>) {
        let row = |i: usize| (i / n % 3 == 0, ((i / n * 37) % 101) as f64 + if i / n % 3 == 0 { 20.0 } else { 0.0 });
        (
            (0..60 * n).map(|i| row(i).0).collect(),
            (0..60 * n).map(|i| row(i).1).collect(),
            (0..60 * n as u64).map(|i| i / n as u64).collect(),
        )
    };
    let width = |n: usize, grouped: bool| {
        let (truth, scores, groups) = times(n);
        let units = Units::of(truth.len(), grouped.then_some(&groups[..])).unwrap();
        let of = Ranking::new(&truth, &scores).unwrap().intervals(&units, &Resampling::default()).unwrap().auroc;
        of.high - of.low
    };
    assert!((width(8, true) / width(1, false) - 1.0).abs() < 0.1);
    assert!(width(8, false) < 0.5 * width(1, false));
}

#[test]
fn the_same_score_differs_by_nothing_and_a_better_one_is_found() {
    let truth: Vec<bool> = (0..200).map(|i| i % 4 == 0).collect();
    let noise = |i: usize| ((i * 7919) % 997) as f64 / 997.0;
    let good: Vec<f64> = truth.iter().enumerate().map(|(i, a)| noise(i) + f64::from(*a)).collect();
    let useless: Vec<f64> = (0..200).map(|i| noise(i + 500)).collect();
    let (good, useless) = (Ranking::new(&truth, &good).unwrap(), Ranking::new(&truth, &useless).unwrap());
    let (units, resampling) = (Units::rows(200).unwrap(), Resampling::default());
    let same = good.minus(&good, &units, &resampling).unwrap().auroc;
    assert_eq!((same.mean, same.low, same.high), (0.0, 0.0, 0.0));
    let better = good.minus(&useless, &units, &resampling).unwrap();
    assert!(better.auroc.low > 0.0 && better.auprc.low > 0.0, "{better:?}");
    assert_eq!(better, good.minus(&useless, &units, &resampling).unwrap());
    let other = Ranking::new(&truth.iter().map(|a| !a).collect::<Vec<_>>(), &[1.0; 200]).unwrap();
    assert!(good.minus(&other, &units, &resampling).is_err());
}

#[test]
fn shares_of_nothing_are_none() {
    let points = |truth: &[bool], flagged: &[bool]| Flagged::points(truth, flagged).unwrap();
    let mixed = points(&[true, true, false, false], &[true, false, true, false]);
    assert_eq!(mixed, Flagged { precision: Some(0.5), recall: Some(0.5), f1: Some(0.5) });
    assert_eq!(points(&[false], &[false]), Flagged { precision: None, recall: None, f1: None });
    assert_eq!(points(&[true], &[false]), Flagged { precision: None, recall: Some(0.0), f1: Some(0.0) });
    assert!(Flagged::points(&[true], &[]).is_err());
}

proptest! {
    #[test]
    fn areas_agree_with_counting_pairs_and_thresholds(rows in proptest::collection::vec((any::<bool>(), 0..6u8, 0..4u32), 2..40)) {
        let truth: Vec<bool> = rows.iter().map(|r| r.0).collect();
        let scores: Vec<f64> = rows.iter().map(|r| f64::from(r.1)).collect();
        let times: Vec<u32> = rows.iter().map(|r| r.2).collect();
        let Ok(ranking) = Ranking::new(&truth, &scores) else { return Ok(()) };
        // Rows that stand there several times, written out.
        let all: Vec<(bool, f64)> = (0..rows.len()).flat_map(|i| vec![(truth[i], scores[i]); times[i] as usize]).collect();
        let (a, n): (Vec<(bool, f64)>, Vec<(bool, f64)>) = all.iter().copied().partition(|r| r.0);
        prop_assume!(!a.is_empty() && !n.is_empty());
        let win = |x: f64, y: f64| if x > y { 1.0 } else if x == y { 0.5 } else { 0.0 };
        let wins: f64 = a.iter().map(|x| n.iter().map(|y| win(x.1, y.1)).sum::<f64>()).sum();
        let areas = ranking.weighted(&times);
        prop_assert!((areas.auroc - wins / (a.len() * n.len()) as f64).abs() < 1e-9);
        let (mut recall, mut precision) = (0.0, 0.0);
        for level in (0..6).rev().map(f64::from) {
            let above = |rows: &[(bool, f64)]| rows.iter().filter(|r| r.1 >= level).count() as f64;
            let now = above(&a) / a.len() as f64;
            if now > recall {
                precision += (now - recall) * above(&a) / (above(&a) + above(&n));
            }
            recall = now;
        }
        prop_assert!((areas.auprc - precision).abs() < 1e-9, "{} {}", areas.auprc, precision);
    }
}
