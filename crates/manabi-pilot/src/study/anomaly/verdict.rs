//! What the figures say, and no more.
//!
//! The score that the verdict is about is fixed before it is measured: the one that was asked for with `--score`, else the
//! nearest normal rows on the run's encoder. It is held against the same score on an encoder with random weights (a model
//! that was never trained has given the F1 that training was praised for: TS2Vec, issue 40), and against the best score on
//! raw features, chosen by the test rows in *their* favour.

use manabi_core::Result;

use super::{
    detectors::{On, Scored},
    figures::Truth,
    report::{Estimate, ScoreContrast},
};

/// The score that is used where none is asked for.
pub const DEFAULT: &str = "knn";

/// The contrasts that the verdict stands on; none where `subject` is not on the run's encoder.
pub fn contrasts(scores: &[Scored], subject: &Scored, truth: &Truth) -> Result<Vec<ScoreContrast>> {
    if subject.on != On::Run {
        return Ok(Vec::new());
    }
    let detector = subject.name.rsplit('/').next().unwrap_or_default();
    let best = |on: On, named: Option<&str>| -> Option<&Scored> {
        let mut best: Option<(f64, &Scored)> = None;
        for score in scores.iter().filter(|s| s.on == on && named.is_none_or(|n| s.name.ends_with(n))) {
            let area = truth.area(score);
            if best.is_none_or(|(most, _)| area > most) {
                best = Some((area, score));
            }
        }
        best.map(|(_, score)| score)
    };
    let twin = match best(On::Random, Some(&format!("/{detector}"))) {
        Some(twin) => Some(twin),
        // What only the run can compute (masked prediction) has no twin.
        None => best(On::Random, None),
    };
    let mut all = Vec::new();
    for other in [twin, best(On::Raw, None)].into_iter().flatten() {
        let difference = truth.contrast(subject, other)?;
        all.push(ScoreContrast { a: subject.name.clone(), b: other.name.clone(), difference });
    }
    Ok(all)
}

/// How a difference is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Better,
    Worse,
    Open,
}

fn outcome(difference: &Estimate) -> Outcome {
    match difference {
        d if d.low > 0.0 => Outcome::Better,
        d if d.high < 0.0 => Outcome::Worse,
        _ => Outcome::Open,
    }
}

/// The verdict where test rows of both kinds have labels.
pub fn measured(name: &str, area: &Estimate, contrasts: &[ScoreContrast]) -> String {
    let mut text = format!("{name} has an AUROC of {:.3} ({:.3} to {:.3}). ", area.mean, area.low, area.high);
    if area.low <= 0.5 {
        text += "That is not shown to be better than chance. ";
    }
    let mut kept = Vec::new();
    for contrast in contrasts {
        let (d, b) = (&contrast.difference, &contrast.b);
        let said = match outcome(d) {
            Outcome::Better => "better",
            Outcome::Worse => "worse",
            Outcome::Open => "not shown to be better",
        };
        text += &format!("Against {b}: {:+.3} ({:+.3} to {:+.3}), {said}. ", d.mean, d.low, d.high);
        kept.push((outcome(d), b));
    }
    let rival =
        |name: &str| if name.starts_with("random/") { "an encoder that was never trained" } else { "raw features" };
    let doubts: Vec<String> = kept
        .iter()
        .filter_map(|(outcome, name)| match outcome {
            Outcome::Better => None,
            Outcome::Worse => Some(format!("{} did better", rival(name))),
            Outcome::Open => Some(format!("{} may do as well", rival(name))),
        })
        .collect();
    // The raw one is the cheaper where both are in doubt.
    let cheaper = kept.iter().rev().find(|(outcome, _)| *outcome != Outcome::Better).map(|(_, name)| name);
    text += &match cheaper {
        None if kept.is_empty() => "No pre-trained encoder was asked for (--run), so nothing is said about one.".into(),
        None => "Pre-training pays for finding anomalies here.".to_string(),
        Some(cheaper) => format!(
            "That pre-training pays here is not shown: {}. The cheaper score is `--score {cheaper}`.",
            doubts.join(", and ")
        ),
    };
    text
}

/// The verdict where nothing can be measured.
pub fn unmeasured(name: &str, flagged: usize, rows: usize, why: &str) -> String {
    format!(
        "{name} flags {flagged} of {rows} rows. {why}, so nothing is known of how good this is: look at the rows with the highest scores."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contrast(b: &str, mean: f64, low: f64, high: f64) -> ScoreContrast {
        ScoreContrast { a: "run/knn".into(), b: b.into(), difference: Estimate { mean, low, high } }
    }

    const AREA: Estimate = Estimate { mean: 0.8, low: 0.7, high: 0.9 };

    #[test]
    fn pre_training_pays_only_where_it_beats_both() {
        let text =
            measured("run/knn", &AREA, &[contrast("random/knn", 0.1, 0.02, 0.2), contrast("raw/pca", 0.2, 0.1, 0.3)]);
        assert!(text.contains("Pre-training pays for finding anomalies here"), "{text}");
        let text =
            measured("run/knn", &AREA, &[contrast("random/knn", 0.1, -0.02, 0.2), contrast("raw/pca", 0.2, 0.1, 0.3)]);
        assert!(text.contains("never trained may do as well") && text.contains("`--score random/knn`"), "{text}");
        let text = measured(
            "run/knn",
            &AREA,
            &[contrast("random/knn", 0.1, -0.02, 0.2), contrast("raw/pca", -0.2, -0.3, -0.1)],
        );
        assert!(
            text.contains("worse")
                && text.contains("and raw features did better")
                && text.contains("`--score raw/pca`"),
            "{text}"
        );
    }

    #[test]
    fn chance_and_a_missing_run_are_said() {
        let text = measured("raw/knn", &Estimate { mean: 0.55, low: 0.45, high: 0.65 }, &[]);
        assert!(text.contains("not shown to be better than chance") && text.contains("--run"), "{text}");
        assert!(
            unmeasured("raw/knn", 3, 40, "There are no labels").contains("flags 3 of 40 rows. There are no labels, so")
        );
    }

    #[test]
    fn the_twin_is_the_same_detector_and_the_best_raw_score_is_taken() {
        let truth = Truth { anomalous: &[false, false, true, true], groups: None, seed: 0 };
        let score = |on: On, detector: &str, scores: [f64; 4]| Scored {
            on,
            name: format!("{}/{detector}", on.name()),
            scores: scores.to_vec(),
            threshold: 0.0,
        };
        let all = [
            score(On::Raw, "knn", [1.0, 2.0, 0.0, 0.5]),
            score(On::Raw, "pca", [1.0, 2.0, 3.0, 1.5]),
            score(On::Random, "knn", [1.0, 1.0, 1.0, 1.0]),
            score(On::Random, "pca", [1.0, 2.0, 3.0, 4.0]),
            score(On::Run, "knn", [1.0, 2.0, 3.0, 4.0]),
            score(On::Run, "masked", [1.0, 2.0, 3.0, 4.0]),
        ];
        let against = |subject: usize| -> Vec<String> {
            contrasts(&all, &all[subject], &truth).unwrap().into_iter().map(|c| c.b).collect()
        };
        assert_eq!(against(4), ["random/knn", "raw/pca"]);
        assert_eq!(against(5), ["random/pca", "raw/pca"]);
        assert!(against(0).is_empty());
    }
}
