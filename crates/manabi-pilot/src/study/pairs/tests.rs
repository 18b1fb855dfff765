//! The whole way from pairs with scores to a verdict.

use std::sync::Arc;

use candle_core::Device;
use manabi_core::data::{Record, Split};

use super::*;
use crate::study::{
    StudyConfig,
    toy::{Points, Toy, WIDTH, alike, record},
};

fn value(row: usize, i: usize) -> f32 {
    (((row * WIDTH + i) as f32 * 12.9898).sin() * 437.585).fract()
}

/// Points whose partners are alike as their scores say.
fn scored(scores: bool) -> Points {
    let point = |row: usize| Arc::new((0..WIDTH).map(|i| value(row, i)).collect::<Vec<f32>>());
    let points: Vec<Arc<Vec<f32>>> = (0..300).map(point).collect();
    let records = points.iter().enumerate().map(|(row, point)| Record {
        target: scores.then(|| alike(point)),
        split: Some(if row < 100 { Split::Train } else { Split::Test }),
        ..record(row)
    });
    Points { records: records.collect(), classes: Vec::new(), points }
}

fn evaluated(source: &Points, half: usize) -> Result<PairsReport> {
    let start =
        Start::<Toy> { settings: (), source, config: StudyConfig::new("pairs"), signals: None, encoder: "map".into() };
    let mut map = [[0.0f32; WIDTH]; 4];
    for (i, row) in map.iter_mut().enumerate() {
        row[half * (WIDTH / 2) + i % (WIDTH / 2)] = 1.0;
    }
    let tokens = Tensor::zeros((4 * WIDTH, WIDTH), candle_core::DType::F32, &Device::Cpu).unwrap();
    let weights = [("features".to_string(), Tensor::new(&map, &Device::Cpu).unwrap()), ("tokens".to_string(), tokens)];
    pairs(&start, &weights.into(), &mut |_| {})
}

#[test]
fn an_encoder_that_sees_what_makes_pairs_alike_is_ahead_and_said_to_be() {
    let report = evaluated(&scored(true), 0).unwrap();
    let names: Vec<&str> = report.rows.iter().map(|r| r.representation.as_str()).collect();
    assert_eq!((names, report.test_pairs, report.alike_from), (vec!["raw", "random", "ssl"], 200, 4.0));
    let (raw, ssl) = (&report.rows[0], &report.rows[2]);
    assert!(ssl.spearman.unwrap().mean > raw.spearman.unwrap().mean + 0.05, "{raw:?} {ssl:?}");
    assert!(ssl.search.unwrap().recall_at_1 > raw.search.unwrap().recall_at_1, "{raw:?} {ssl:?}");
    assert!(report.verdict.starts_with("The trained encoder is closer to the scores than"), "{}", report.verdict);
    assert_eq!(report, evaluated(&scored(true), 0).unwrap());
}

#[test]
fn one_that_sees_the_other_half_is_said_to_be_farther() {
    let report = evaluated(&scored(true), 1).unwrap();
    assert!(report.verdict.contains("is farther from the scores than raw features"), "{}", report.verdict);
}

#[test]
fn rows_without_scores_are_refused_with_their_number() {
    let message = evaluated(&scored(false), 0).unwrap_err().to_string();
    assert!(message.contains("0 test rows are pairs with a score"), "{message}");
}
