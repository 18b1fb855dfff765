//! The evaluation where rows are pairs with a score of how much alike they are (STS): Spearman's rho of the cosine of both
//! members' embeddings and the score, as the benchmark is always reported, and how well the partner is found among all
//! second members. Nothing is fitted to the scores, so the raw features, the random encoder, the encoder as it was given
//! and the trained one are compared on the same test pairs.

mod partners;
mod report;

use std::collections::BTreeMap;

use candle_core::Tensor;
use manabi_core::{
    Error, Result,
    eval::{
        self, Features,
        rank::{pearson, spearman_difference, spearman_interval},
        retrieval::Retrieval,
        statistics::Bootstrap,
        units::Units,
    },
    modality::Modality,
};

pub use report::{PairsContrast, PairsReport, PairsRow, Search};

use self::partners::Partners;
use super::{
    encoders::{build, embed},
    parts::{Parts, groups_of},
    resampled,
    run::Start,
};

/// The representation that the verdict is about.
const SUBJECT: &str = "ssl";
/// From this share of the range of scores upwards a pair counts as alike (4 of 5 in STS).
const ALIKE: f64 = 0.8;

/// The pairs that are tested.
struct Tested {
    rows: Vec<usize>,
    scores: Vec<f64>,
    /// The partner where the pair is alike, nothing otherwise.
    relevant: Vec<Vec<usize>>,
    alike_from: f64,
    units: Units,
    bootstrap: Bootstrap,
}

impl Tested {
    /// The row of the table of `first` and `second` members' features, and the cosines.
    fn row(
        &self,
        representation: &str,
        method: &str,
        first: &Features,
        second: &Features,
    ) -> Result<(PairsRow, Vec<f64>)> {
        let (a, b) = (first.l2_normalized(), second.l2_normalized());
        let dot = |row: usize| a.row(row).iter().zip(b.row(row)).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
        let cosines: Vec<f64> = (0..a.rows()).map(dot).collect();
        let search = match self.relevant.iter().any(|r| !r.is_empty()) {
            true => Some(Retrieval::of(first, second, &self.relevant, None)?),
            false => None,
        };
        let at = |found: &Retrieval, k: usize| found.recall_at.iter().find(|(at, _)| *at == k).map_or(0.0, |(_, r)| *r);
        let row = PairsRow {
            representation: representation.into(),
            method: method.into(),
            spearman: spearman_interval(&cosines, &self.scores, &self.units, &self.bootstrap)?.map(Into::into),
            pearson: pearson(&cosines, &self.scores)?,
            search: search.map(|found| Search {
                recall_at_1: at(&found, 1),
                recall_at_10: at(&found, 10),
                mrr: found.mrr,
                ndcg_at_10: found.ndcg_at_10,
                queries: found.queries,
            }),
        };
        Ok((row, cosines))
    }
}

/// Says what an encoder is worth on pairs with a score.
///
/// # Errors
/// If fewer than three test rows are pairs with a score, or a row cannot be read.
pub fn pairs<M: Modality>(
    start: &Start<M>,
    weights: &BTreeMap<String, Tensor>,
    say: &mut dyn FnMut(&str),
) -> Result<PairsReport> {
    let (source, config) = (start.source, &start.config);
    let parts = Parts::of(source.records(), config.seed)?;
    let modality = M::fit(&start.settings, source, &parts.train)?;
    let partners = Partners::<M>(source);
    let tested = tested(start, &parts, &partners)?;
    let mut rows = Vec::new();
    let mut compare = |representation: &str, method: &str, first: Features, second: Features| {
        rows.push(tested.row(representation, method, &first, &second)?);
        Ok::<(), Error>(())
    };
    say("comparing raw features");
    let raw = |source| eval::raw(&modality, source, &tested.rows);
    compare("raw", "cosine", raw(source)?, raw(&partners)?)?;
    let blank = modality.blank();
    let random = build(blank.as_ref().unwrap_or(&modality), None, config.seed)?;
    let given = if blank.is_some() { Some(build(&modality, None, config.seed)?) } else { None };
    let trained = build(&modality, Some(weights), config.seed)?;
    let encoders =
        [("random", "cosine", Some(random)), ("given", "cosine", given), (SUBJECT, &config.method, Some(trained))];
    for (representation, method, encoder) in encoders {
        let Some(encoder) = encoder else { continue };
        say(&format!("embedding both members with the {representation} encoder"));
        let of = |source| embed(&modality, source, encoder.as_ref(), &tested.rows);
        compare(representation, method, of(source)?, of(&partners)?)?;
    }
    conclude(start, &parts, &tested, rows)
}

/// The test pairs, their scores, and what is drawn as a whole.
fn tested<M: Modality>(start: &Start<M>, parts: &Parts, partners: &Partners<M>) -> Result<Tested> {
    let records = start.source.records();
    let rows: Vec<usize> =
        parts.test.iter().copied().filter(|&row| records[row].target.is_some() && partners.has(row)).collect();
    if rows.len() < 3 {
        return Err(Error::data(format!("{} test rows are pairs with a score; 3 are the least", rows.len())));
    }
    let scores: Vec<f64> = rows.iter().filter_map(|&row| records[row].target).collect();
    // The range is that of all pairs: the test may have none of the best.
    let all = records.iter().filter_map(|r| r.target);
    let (low, high) = all.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), s| (l.min(s), h.max(s)));
    let alike_from = low + ALIKE * (high - low);
    let relevant =
        scores.iter().enumerate().map(|(i, s)| if *s >= alike_from { vec![i] } else { Vec::new() }).collect();
    let units = resampled::units(rows.len(), groups_of(records, &rows).as_deref())?;
    let bootstrap = Bootstrap { seed: start.config.seed, ..Bootstrap::default() };
    Ok(Tested { rows, scores, relevant, alike_from, units, bootstrap })
}

fn conclude<M: Modality>(
    start: &Start<M>,
    parts: &Parts,
    tested: &Tested,
    rows: Vec<(PairsRow, Vec<f64>)>,
) -> Result<PairsReport> {
    let mut contrasts = Vec::new();
    if let Some(((subject, ours), others)) = rows.split_last() {
        debug_assert_eq!(subject.representation, SUBJECT);
        for (other, cosines) in others {
            let found = spearman_difference(ours, cosines, &tested.scores, &tested.units, &tested.bootstrap)?;
            let against = other.representation.clone();
            contrasts.extend(found.map(|d| PairsContrast { against, difference: d.into() }));
        }
    }
    let mut notes = start.source.notes().to_vec();
    if parts.dropped > 0 {
        notes.push(format!("{} training rows were left out: their group is tested.", parts.dropped));
    }
    if !parts.official {
        notes.push("The pairs name no test part, so a fourth was drawn by the seed.".into());
    }
    Ok(PairsReport {
        dataset: start.config.dataset.clone(),
        modality: M::NAME.into(),
        test_pairs: tested.rows.len(),
        alike_from: tested.alike_from,
        rows: rows.into_iter().map(|(row, _)| row).collect(),
        verdict: verdict(&contrasts),
        contrasts,
        notes,
    })
}

/// How the trained encoder stands against each other row.
fn verdict(contrasts: &[PairsContrast]) -> String {
    let name = |representation: &str| match representation {
        "raw" => "raw features",
        "random" => "a random encoder",
        "given" => "the encoder as it was given",
        _ => "another encoder",
    };
    let of = |keep: &dyn Fn(&crate::study::Estimate) -> bool| {
        let said = contrasts.iter().filter(|c| keep(&c.difference)).map(|c| {
            let d = &c.difference;
            format!("{} ({:+.3}, {:+.3} to {:+.3})", name(&c.against), d.mean, d.low, d.high)
        });
        said.collect::<Vec<_>>().join(", ")
    };
    let parts = [
        ("is closer to the scores than", of(&|d| d.low > 0.0)),
        ("is not shown to be closer to the scores than", of(&|d| d.low <= 0.0 && d.high >= 0.0)),
        ("is farther from the scores than", of(&|d| d.high < 0.0)),
    ];
    let said: Vec<String> =
        parts.iter().filter(|(_, list)| !list.is_empty()).map(|(what, list)| format!("{what} {list}")).collect();
    if said.is_empty() {
        "Nothing could be compared: cosines do not vary.".into()
    } else {
        format!("The trained encoder {}.", said.join("; "))
    }
}

#[cfg(test)]
mod tests;
