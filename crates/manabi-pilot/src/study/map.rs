//! The embeddings in two dimensions, and sample rows with their nearest neighbours.

use base64::{Engine, engine::general_purpose::STANDARD};
use manabi_core::{
    Result,
    data::Source,
    eval::{Features, neighbors::nearest_others, projection::Tsne},
    modality::{self, Modality},
};

use crate::report::{EmbeddingMap, MapPoint, Neighbour, Preview, Query};

/// Points of the map: more would neither be readable nor quick.
pub const POINTS: usize = 1500;
/// Sample rows that are shown with neighbours.
const QUERIES: usize = 8;
/// Neighbours of each.
const NEIGHBOURS: usize = 6;

/// The map of `rows`, whose embeddings are `features`.
pub fn map<S>(source: &dyn Source<S>, rows: &[usize], features: &Features, seed: u64) -> Result<EmbeddingMap> {
    if rows.len() < 5 {
        return Ok(EmbeddingMap::default());
    }
    let points = Tsne { seed, ..Tsne::default() }.fit(features)?;
    let points = rows
        .iter()
        .enumerate()
        .map(|(i, &row)| {
            let record = &source.records()[row];
            MapPoint {
                x: f64::from(points[i][0]),
                y: f64::from(points[i][1]),
                label: class(source, row),
                id: record.id.clone(),
            }
        })
        .collect();
    Ok(EmbeddingMap { projection: "t-SNE of the pre-trained embeddings".into(), points })
}

/// Some of `rows` with those most similar to them.
pub fn neighbours<M: Modality>(
    modality: &M,
    source: &dyn Source<M::Sample>,
    rows: &[usize],
    features: &Features,
) -> Result<Vec<Query>> {
    if rows.len() < 2 {
        return Ok(Vec::new());
    }
    let queries = chosen(source, rows);
    let found = nearest_others(features, &queries, NEIGHBOURS)?;
    queries
        .iter()
        .zip(found)
        .map(|(&query, found)| {
            let row = rows[query];
            Ok(Query {
                id: source.records()[row].id.clone(),
                label: class(source, row),
                preview: preview(modality, source, row)?,
                neighbours: found
                    .into_iter()
                    .map(|n| {
                        let row = rows[n.row];
                        Ok(Neighbour {
                            id: source.records()[row].id.clone(),
                            label: class(source, row),
                            preview: preview(modality, source, row)?,
                            similarity: f64::from(n.cosine),
                        })
                    })
                    .collect::<Result<_>>()?,
            })
        })
        .collect()
}

/// Positions in `rows` to show: one a class in turn, else evenly spread.
fn chosen<S>(source: &dyn Source<S>, rows: &[usize]) -> Vec<usize> {
    let mut seen = std::collections::BTreeSet::new();
    let mut chosen: Vec<usize> = (0..rows.len())
        .filter(|&i| source.records()[rows[i]].label.is_some_and(|label| seen.insert(label)))
        .take(QUERIES)
        .collect();
    let step = (rows.len() / QUERIES).max(1);
    for i in (0..rows.len()).step_by(step) {
        if chosen.len() < QUERIES && !chosen.contains(&i) {
            chosen.push(i);
        }
    }
    chosen
}

fn class<S>(source: &dyn Source<S>, row: usize) -> Option<String> {
    let label = source.records()[row].label?;
    source.classes().get(label as usize).cloned()
}

fn preview<M: Modality>(modality: &M, source: &dyn Source<M::Sample>, row: usize) -> Result<Preview> {
    Ok(match modality.preview(&*source.load(row)?)? {
        modality::Preview::Png(bytes) => Preview::DataUri {
            uri: format!("data:image/png;base64,{}", STANDARD.encode(bytes)),
            alt: source.records()[row].id.clone(),
        },
        modality::Preview::Svg(drawing) => Preview::DataUri {
            uri: format!("data:image/svg+xml;base64,{}", STANDARD.encode(drawing)),
            alt: source.records()[row].id.clone(),
        },
        modality::Preview::Text(text) => Preview::Text(text),
    })
}
