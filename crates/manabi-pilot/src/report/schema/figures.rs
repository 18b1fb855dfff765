//! What the embeddings look like: the map, the neighbours, and the figures that need no labels.

use serde::{Deserialize, Serialize};

use super::Representation;

/// The embeddings in two dimensions.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EmbeddingMap {
    /// How the dimensions were reduced, such as `PCA`.
    pub projection: String,
    /// The points.
    pub points: Vec<MapPoint>,
}

/// One sample on the map.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct MapPoint {
    /// The first coordinate.
    pub x: f64,
    /// The second coordinate.
    pub y: f64,
    /// The class, where there is one.
    pub label: Option<String>,
    /// The id of the sample.
    pub id: String,
}

/// What a sample looks like, ready for the report: this crate knows no modality.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preview {
    /// A small picture.
    DataUri {
        /// A `data:image/png;base64,` URI.
        uri: String,
        /// What it shows, for those who cannot see it.
        alt: String,
    },
    /// A snippet of text.
    Text(String),
}

/// A sample and its nearest neighbours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Query {
    /// The id of the sample.
    pub id: String,
    /// Its class, where there is one.
    pub label: Option<String>,
    /// What it looks like.
    pub preview: Preview,
    /// Its neighbours, the nearest first.
    pub neighbours: Vec<Neighbour>,
}

/// A neighbour of a query.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Neighbour {
    /// The id of the sample.
    pub id: String,
    /// Its class, where there is one.
    pub label: Option<String>,
    /// What it looks like.
    pub preview: Preview,
    /// The cosine similarity to the query.
    pub similarity: f64,
}

/// A figure that needs no labels, such as how often two views of a sample find each other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LabelFree {
    /// Its name.
    pub name: String,
    /// What it was measured on.
    pub representation: Representation,
    /// The method.
    pub method: String,
    /// Its value.
    pub value: f64,
    /// What it means and which direction is good, in one sentence.
    pub meaning: String,
}
