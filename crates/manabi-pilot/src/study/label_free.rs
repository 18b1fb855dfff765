//! What embeddings are worth before anything is fitted to a label: do two views of a sample find each other, how many
//! directions do the features use, how tightly do they cluster; and, where the rows have labels to be scored by, how well
//! clusters and neighbours agree with the classes.

use std::collections::BTreeMap;

use candle_core::Device;
use manabi_core::{
    Result,
    data::Source,
    encoder::{Encoder, Mode},
    eval::{
        Features,
        agreement::Agreement,
        retrieval::Retrieval,
        unsupervised::{KMeans, alignment, consistency, effective_rank, silhouette, uniformity},
    },
    modality::{Modality, ViewKind},
    rng::{Key, Purpose},
};

use crate::report::{LabelFree, Representation};

/// Clusters that are looked for where no number of classes is known.
const CLUSTERS: usize = 10;

/// The figures of one encoder on `rows`; `embeddings` are of the same rows.
pub fn figures<M: Modality>(
    modality: &M,
    source: &dyn Source<M::Sample>,
    encoder: &dyn Encoder<M::Batch>,
    rows: &[usize],
    embeddings: &Features,
    representation: Representation,
    method: &str,
) -> Result<Vec<LabelFree>> {
    let a = view(modality, source, encoder, rows, 0)?;
    let b = view(modality, source, encoder, rows, 1)?;
    let figure = |name: &str, value: f64, meaning: &str| LabelFree {
        name: name.into(),
        representation,
        method: method.into(),
        value,
        meaning: meaning.into(),
    };
    let mut all = vec![
        figure(
            "view retrieval",
            consistency(&a, &b)?,
            "how often a sample's second augmented view is the nearest of all samples' second views to its first; higher is better",
        ),
        figure(
            "effective rank",
            effective_rank(embeddings)?,
            "how many directions the embeddings really use (RankMe); higher is better",
        ),
        figure("alignment", alignment(&a, &b)?, "mean squared distance of two views of a sample; lower is better"),
        figure("uniformity", uniformity(embeddings)?, "how evenly embeddings cover the sphere; lower is better"),
    ];
    let k = source.classes().len().max(2);
    let k = if source.classes().is_empty() { CLUSTERS } else { k };
    if embeddings.rows() > 2 * k {
        let unit = embeddings.l2_normalized();
        let clusters = KMeans::new(k, 0).fit(&unit)?;
        let name = format!("silhouette of {k} clusters");
        let value = silhouette(&unit, &clusters.assignments, 1000, 0)?;
        all.push(figure(&name, value, "how far apart clusters lie, from -1 to 1; higher is better"));
    }
    Ok(all.into_iter().filter(|f| f.value.is_finite()).collect())
}

/// How clusters and neighbours of `embeddings` agree with the classes of the same rows; nothing is fitted to these.
pub fn against_classes(
    embeddings: &Features,
    classes: &[u32],
    representation: Representation,
    method: &str,
) -> Result<Vec<LabelFree>> {
    let mut members: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    classes.iter().enumerate().for_each(|(row, class)| members.entry(*class).or_default().push(row));
    if members.len() < 2 || classes.len() <= 2 * members.len() || members.values().all(|rows| rows.len() < 2) {
        return Ok(Vec::new());
    }
    let unit = embeddings.l2_normalized();
    let clusters = KMeans::new(members.len(), 0).fit(&unit)?;
    let agreement = Agreement::of(classes, &clusters.assignments)?;
    let relevant: Vec<Vec<usize>> = classes.iter().map(|class| members[class].clone()).collect();
    let own: Vec<usize> = (0..classes.len()).collect();
    let found = Retrieval::of(&unit, &unit, &relevant, Some(&own))?;
    let figure = |name: String, value: f64, meaning: &str| LabelFree {
        name,
        representation,
        method: method.into(),
        value,
        meaning: meaning.into(),
    };
    Ok(vec![
        figure(
            format!("V-measure of {} clusters", members.len()),
            agreement.v_measure,
            "how far k-means clusters agree with the classes, 0 to 1; labels score it, none is learnt from",
        ),
        figure(
            "neighbours of the class (MRR)".into(),
            found.mrr,
            "1 over the place of the nearest test row of the same class, mean; higher is better",
        ),
        figure(
            "neighbours of the class (nDCG@10)".into(),
            found.ndcg_at_10,
            "how many of the ten nearest test rows are of the same class, the nearest counting most; higher is better",
        ),
    ])
}

/// Embeddings of one strongly augmented view of each row.
fn view<M: Modality>(
    modality: &M,
    source: &dyn Source<M::Sample>,
    encoder: &dyn Encoder<M::Batch>,
    rows: &[usize],
    view: u32,
) -> Result<Features> {
    let mut data = Vec::new();
    let mut dim = 0;
    for chunk in rows.chunks(256) {
        let samples = chunk
            .iter()
            .map(|&row| {
                let key = Key::new(0, Purpose::Eval).sample(row as u64).view(view + 1);
                modality.augment(&*source.load(row)?, ViewKind::Strong(view), &mut key.rng())
            })
            .collect::<Result<Vec<_>>>()?;
        let x = Features::from_tensor(&encoder.readout(&modality.collate(&samples, &Device::Cpu)?, Mode::Eval)?)?;
        dim = x.dim();
        data.extend_from_slice(x.data());
    }
    Features::new(rows.len(), dim, data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_that_lie_apart_are_found_and_mixed_ones_are_not() {
        let angle = |row: usize, class: usize| 1.5 * class as f32 + 0.01 * row as f32;
        let data = (0..60).flat_map(|row| [angle(row, row % 3).cos(), angle(row, row % 3).sin()]).collect();
        let x = Features::new(60, 2, data).unwrap();
        let of = |classes: Vec<u32>| {
            let found = against_classes(&x, &classes, Representation::Raw, "raw").unwrap();
            found.iter().map(|f| f.value).collect::<Vec<_>>()
        };
        assert_eq!(of((0..60).map(|row| row % 3).collect()), [1.0, 1.0, 1.0]);
        let mixed = of((0..60).map(|row| u32::from(row % 7 > 3)).collect());
        assert!(mixed[0] < 0.2 && mixed[2] < 0.8, "{mixed:?}");
        assert!(of(vec![1; 60]).is_empty() && of((0..60).collect()).is_empty());
    }
}
