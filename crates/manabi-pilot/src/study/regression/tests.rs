//! The whole way from rows with targets to a verdict.

use std::sync::Arc;

use candle_core::Device;
use manabi_core::data::Record;

use super::*;
use crate::study::{
    StudyConfig,
    toy::{Points, Toy, WIDTH, record},
};

/// 40 machines of 10 rows; the target is the fifth value, and a little of the second that is not linear.
fn machines() -> Points {
    let value = |row: usize, i: usize| (((row * WIDTH + i) as f32 * 12.9898).sin() * 437.585).fract();
    let point = |row: usize| Arc::new((0..WIDTH).map(|i| value(row, i)).collect::<Vec<f32>>());
    let records = (0..400).map(|row| Record {
        group: Some(format!("machine {}", row / 10)),
        target: Some(100.0 + 20.0 * f64::from(value(row, 4)) + 5.0 * f64::from(value(row, 1)).powi(2)),
        ..record(row)
    });
    Points { records: records.collect(), classes: Vec::new(), points: (0..400).map(point).collect() }
}

fn evaluated(weights: [[f32; WIDTH]; 4], nasa: bool) -> RegressionReport {
    let source = machines();
    let start = Start::<Toy> {
        settings: (),
        source: &source,
        config: StudyConfig::new("machines"),
        signals: None,
        encoder: "map".into(),
    };
    let tokens = Tensor::zeros((4 * WIDTH, WIDTH), candle_core::DType::F32, &Device::Cpu).unwrap();
    let features = Tensor::new(&weights, &Device::Cpu).unwrap();
    let weights = [("features".to_string(), features), ("tokens".to_string(), tokens)].into();
    regression(&start, &weights, nasa, &mut |_| {}).unwrap()
}

/// Sees the first four values, or the fifth and the sixth.
fn sees(fifth: bool) -> [[f32; WIDTH]; 4] {
    let mut weights = [[0.0; WIDTH]; 4];
    for (i, row) in weights.iter_mut().enumerate() {
        row[if fifth { 4 + i % 2 } else { i }] = 1.0;
    }
    weights
}

#[test]
fn four_rows_a_budget_and_a_verdict_that_follows_the_errors() {
    let report = evaluated(sees(true), true);
    let names: Vec<&str> = report.rows.iter().take(4).map(|r| r.representation.as_str()).collect();
    assert_eq!((names, report.unit.as_str()), (vec!["mean", "raw", "random", "ssl-linear"], "groups"));
    assert_eq!(report.rows.iter().map(|r| (r.units, r.draws)).collect::<std::collections::BTreeSet<_>>().len(), 3);
    let last = &report.rows[report.rows.len() - 4..];
    assert!(last[3].rmse.mean < 0.4 * last[0].rmse.mean && last[3].r2.unwrap() > 0.8, "{last:?}");
    assert!(last.iter().all(|row| row.nasa_score.is_some()) && report.notes.len() == 1);
    assert!(report.verdict.contains("a smaller error than the mean of the targets"), "{}", report.verdict);
    assert_eq!(report.contrasts.len(), 9);
}

#[test]
fn an_encoder_that_lost_the_target_is_said_to_be_worse() {
    let report = evaluated(sees(false), false);
    assert!(report.rows.iter().all(|row| row.nasa_score.is_none()));
    let last = report.verdict.lines().last().unwrap();
    assert!(last.contains("a larger error than raw features"), "{last}");
    assert_eq!(report, evaluated(sees(false), false));
}
