//! The whole way from rows to a verdict, on points of which the odd ones lie far away.

use std::sync::Arc;

use manabi_core::{
    data::Record,
    method::{self, Overrides},
    nn::Params,
};

use super::*;
use crate::study::toy::{Points, Toy, WIDTH, record};

/// 300 points; every fifth is far from the others in its first value where `far` says so.
fn points(label: impl Fn(usize) -> Option<u32>, far: f32) -> Points {
    let value = |row: usize, i: usize| ((row * WIDTH + i) as f32 * 12.9898).sin();
    let point = |row: usize| {
        let odd = if row % 5 == 0 { far } else { 0.0 };
        Arc::new((0..WIDTH).map(|i| value(row, i) + if i == 0 { odd } else { 0.0 }).collect())
    };
    Points {
        records: (0..300).map(|row| Record { label: label(row), ..record(row) }).collect(),
        classes: vec!["crack".into(), "good".into()],
        points: (0..300).map(point).collect(),
    }
}

fn labelled(row: usize) -> Option<u32> {
    Some(u32::from(row % 5 != 0))
}

fn config() -> AnomalyConfig {
    AnomalyConfig { dataset: "points".into(), normal: None, score: None, budget: None, seed: 1 }
}

/// The weights of a trained encoder: one that looks at the first value alone.
fn run(masked: Option<Masked<Toy>>) -> Run<Toy> {
    let weights = |rows: usize| {
        let data = (0..rows * WIDTH).map(|i| if i % WIDTH == 0 { 1.0f32 } else { 0.0 }).collect::<Vec<_>>();
        Tensor::from_vec(data, (rows, WIDTH), &candle_core::Device::Cpu).unwrap()
    };
    let mut features = weights(4).to_vec2::<f32>().unwrap();
    // A column apart from the others, so that the embedding has more than one direction.
    features[3] = vec![0.0, 0.01, 0.0, 0.0, 0.0, 0.0];
    let features = Tensor::new(features, &candle_core::Device::Cpu).unwrap();
    Run { weights: [("features".to_string(), features), ("tokens".to_string(), weights(4 * WIDTH))].into(), masked }
}

fn report(source: &Points, run: Option<&Run<Toy>>, config: &AnomalyConfig) -> Result<AnomalyReport> {
    anomaly(&Toy, source, run, config, &mut |_| {})
}

#[test]
fn far_points_are_found_and_every_score_is_in_the_table() {
    let found = report(&points(labelled, 9.0), Some(&run(None)), &config()).unwrap();
    let names: Vec<&str> = found.rows.iter().map(|r| r.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "raw/z-largest",
            "raw/z-mean",
            "raw/knn",
            "raw/pca",
            "random/knn",
            "random/mahalanobis",
            "random/pca",
            "run/knn",
            "run/mahalanobis",
            "run/pca"
        ]
    );
    assert_eq!((found.normal.as_deref(), found.score.as_str()), (Some("good"), "run/knn"));
    assert_eq!((found.normal_rows, found.scored_rows, found.anomalies), (180, 75, Some(15)));
    let quality = found.rows[7].quality.unwrap();
    assert!(quality.auroc.unwrap().mean > 0.999 && quality.points.recall == Some(1.0), "{quality:?}");
    assert!(quality.false_positive_rate.unwrap() < 0.1);
    assert_eq!(found.scores.len(), 75);
    assert!(found.scores.iter().all(|s| s.flagged || s.score < 9.0));
    // Raw features find them all as well, and the verdict says so.
    assert_eq!(found.contrasts.len(), 2);
    assert!(found.verdict.contains("not shown"), "{}", found.verdict);
    assert_eq!(found, report(&points(labelled, 9.0), Some(&run(None)), &config()).unwrap());
}

#[test]
fn without_labels_rows_are_scored_and_nothing_is_claimed() {
    let found = report(&points(|_| None, 9.0), None, &config()).unwrap();
    assert_eq!((found.score.as_str(), found.scored_rows, found.anomalies), ("raw/knn", 300, None));
    assert!(found.rows.iter().all(|row| row.quality.is_none()) && found.contrasts.is_empty());
    assert!(found.verdict.contains("There are no labels, so nothing is known"), "{}", found.verdict);
    assert!(found.notes.iter().any(|n| n.contains("taken as normal")), "{:?}", found.notes);
}

#[test]
fn a_test_part_of_normal_rows_alone_is_scored_without_an_area() {
    let found = report(&points(|_| Some(1), 0.0), None, &config()).unwrap();
    assert_eq!(found.anomalies, Some(0));
    assert!(found.rows.iter().all(|row| row.quality.is_some_and(|q| q.auroc.is_none())));
    assert!(found.verdict.contains("All test rows are of one kind"), "{}", found.verdict);
}

#[test]
fn an_unknown_score_is_refused_with_the_known_ones() {
    let config = AnomalyConfig { score: Some("run/knn".into()), ..config() };
    let message = report(&points(labelled, 9.0), None, &config).unwrap_err().to_string();
    assert!(message.contains("run/knn") && message.contains("raw/z-mean, raw/knn"), "{message}");
}

#[test]
fn an_encoder_that_collapsed_costs_its_own_scores_only() {
    let mut collapsed = run(None);
    let zeros = |t: &mut Tensor| *t = t.zeros_like().unwrap();
    collapsed.weights.values_mut().for_each(zeros);
    let config = AnomalyConfig { score: Some("raw/pca".into()), ..config() };
    let found = report(&points(labelled, 9.0), Some(&collapsed), &config).unwrap();
    assert_eq!(found.rows.len(), 7);
    assert!(found.notes.iter().any(|n| n.contains("Scores on run features were left out")), "{:?}", found.notes);
}

#[test]
fn the_budget_leaves_out_normal_rows_and_says_so() {
    let config = AnomalyConfig { budget: Some(Duration::from_nanos(1)), ..config() };
    let found = report(&points(labelled, 9.0), None, &config).unwrap();
    assert!((40..=50).contains(&found.normal_rows), "{}", found.normal_rows);
    assert!(found.notes.iter().any(|n| n.contains("of 180 normal rows were used")), "{:?}", found.notes);
}

#[test]
fn masked_prediction_scores_alike_rows_alike_and_far_ones_higher() {
    let source = points(labelled, 9.0);
    // What a trainer's store holds after the last step.
    let params = Params::new(3, &candle_core::Device::Cpu);
    let student = params.pp("encoder");
    let encoder = Toy.encoder(&student).unwrap();
    let entry = || method::find::<Toy>("masked").unwrap();
    let facts = method::DatasetFacts { samples: 225, classes: 2, transformations: 0, batch: 8, steps: 1, dim: 4 };
    let overrides = Overrides::default();
    (entry().build)(&method::BuildContext {
        name: "masked",
        tasks: Toy::tasks(),
        heads: &params.pp("head"),
        encoder: encoder.as_ref(),
        student: &student,
        factory: &Toy.factory(),
        facts,
        overrides: &overrides,
    })
    .unwrap();
    let masked = |parameters| Masked {
        method: entry(),
        overrides: Overrides::default(),
        seed: 3,
        samples: 225,
        parameters,
        state: BTreeMap::new(),
    };
    let whole = masked(params.snapshot().unwrap());
    let mut pretext = Pretext::new(&Toy, &source, &whole).unwrap();
    let errors = pretext.errors(&[0, 1, 2, 0, 5]).unwrap();
    assert_eq!(errors[0], errors[3]);
    assert!(errors[0] > 3.0 * errors[1].max(errors[2]) && errors[4] > 3.0 * errors[1], "{errors:?}");
    let found = report(&source, Some(&run(Some(whole))), &config()).unwrap();
    assert_eq!(found.rows.last().map(|row| row.name.as_str()), Some("run/masked"));
    // A checkpoint of another model is a remark.
    let found = report(&source, Some(&run(Some(masked(BTreeMap::new())))), &config()).unwrap();
    assert!(found.notes.iter().any(|n| n.contains("masked prediction was left out")), "{:?}", found.notes);
}
