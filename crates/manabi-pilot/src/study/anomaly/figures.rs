//! From scores and truth to figures with intervals.

use manabi_core::{
    Result,
    eval::{
        anomaly::{
            events::Events,
            metrics::{Flagged, Ranking, Resampling},
        },
        statistics::Interval,
        units::Units,
    },
};

use super::{
    detectors::Scored,
    report::{Estimate, Found, Quality, ScoreRow},
};
use crate::study::resampled;

impl From<Interval> for Estimate {
    fn from(interval: Interval) -> Self {
        Self { mean: interval.mean, low: interval.low, high: interval.high }
    }
}

impl From<Flagged> for Found {
    fn from(flagged: Flagged) -> Self {
        Self { precision: flagged.precision, recall: flagged.recall, f1: flagged.f1 }
    }
}

/// What scores are held against.
pub struct Truth<'a> {
    /// Which scored rows are anomalies.
    pub anomalous: &'a [bool],
    /// Groups of the scored rows.
    pub groups: Option<&'a [u64]>,
    /// What all is drawn from.
    pub seed: u64,
}

impl Truth<'_> {
    fn units(&self) -> Result<Units> {
        resampled::units(self.anomalous.len(), self.groups)
    }

    fn resampling(&self) -> Resampling {
        Resampling { seed: self.seed, ..Resampling::default() }
    }

    /// The figures of one score.
    pub fn quality(&self, score: &Scored) -> Result<Quality> {
        let flagged = score.flagged();
        let areas = match Ranking::new(self.anomalous, &score.scores) {
            Ok(ranking) => Some(ranking.intervals(&self.units()?, &self.resampling())?),
            // All of one kind: the task has said so.
            Err(_) => None,
        };
        let events = Events::count(self.groups, self.anomalous, &flagged)?;
        let normal: Vec<bool> =
            self.anomalous.iter().zip(&flagged).filter(|(anomalous, _)| !**anomalous).map(|(_, f)| *f).collect();
        let rate = |normal: &[bool]| normal.iter().filter(|f| **f).count() as f64 / normal.len() as f64;
        Ok(Quality {
            auroc: areas.map(|a| a.auroc.into()),
            auprc: areas.map(|a| a.auprc.into()),
            points: Flagged::points(self.anomalous, &flagged)?.into(),
            events: events.flagged().into(),
            event_count: events.events,
            false_alarms: events.false_alarms,
            false_positive_rate: (!normal.is_empty()).then(|| rate(&normal)),
        })
    }

    /// The area under the curve of one score; 0 where rows are all of one kind.
    pub fn area(&self, score: &Scored) -> f64 {
        Ranking::new(self.anomalous, &score.scores).map_or(0.0, |ranking| ranking.areas().auroc)
    }

    /// The AUROC of `a` less that of `b`.
    pub fn contrast(&self, a: &Scored, b: &Scored) -> Result<Estimate> {
        let (a, b) = (Ranking::new(self.anomalous, &a.scores)?, Ranking::new(self.anomalous, &b.scores)?);
        Ok(a.minus(&b, &self.units()?, &self.resampling())?.auroc.into())
    }
}

/// The report's rows, in the order of the scores.
pub fn rows(scores: &[Scored], truth: Option<&Truth>) -> Result<Vec<ScoreRow>> {
    scores
        .iter()
        .map(|score| {
            Ok(ScoreRow {
                name: score.name.clone(),
                threshold: score.threshold,
                flagged: score.flagged().iter().filter(|f| **f).count(),
                quality: truth.map(|truth| truth.quality(score)).transpose()?,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{super::detectors::On, *};

    fn score(scores: &[f64]) -> Scored {
        Scored { on: On::Raw, name: "raw/knn".into(), scores: scores.to_vec(), threshold: 2.5 }
    }

    #[test]
    fn figures_are_those_of_the_rows() {
        let truth = Truth { anomalous: &[false, false, true, true, false], groups: Some(&[1; 5]), seed: 0 };
        let quality = truth.quality(&score(&[3.0, 0.0, 1.0, 4.0, 0.5])).unwrap();
        assert!((quality.auroc.unwrap().mean - 5.0 / 6.0).abs() < 1e-12);
        assert_eq!((quality.event_count, quality.false_alarms), (1, 1));
        assert_eq!((quality.points.f1, quality.events.recall), (Some(0.5), Some(1.0)));
        assert_eq!(quality.false_positive_rate, Some(1.0 / 3.0));
    }

    #[test]
    fn rows_of_one_kind_have_no_area_but_are_counted() {
        let truth = Truth { anomalous: &[false; 2], groups: None, seed: 0 };
        let row = rows(&[score(&[3.0, 0.0])], Some(&truth)).unwrap().remove(0);
        let quality = row.quality.unwrap();
        assert_eq!((quality.auroc, quality.event_count, quality.false_alarms, row.flagged), (None, 0, 1, 1));
        assert!(rows(&[score(&[3.0])], None).unwrap()[0].quality.is_none());
    }
}
