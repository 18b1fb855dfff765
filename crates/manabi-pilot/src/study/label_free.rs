//! What can be known without labels: do two views of a sample find each other, how many
//! directions do the features use, how tightly do they cluster.

use candle_core::Device;
use manabi_core::{
    Result,
    data::Source,
    encoder::{Encoder, Mode},
    eval::{
        Features,
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
