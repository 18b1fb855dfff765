//! Honest evaluation of embeddings: the same rows, the same splits and the same probe for every representation.
//!
//! | file | answers |
//! |---|---|
//! | [`features`] | a matrix of embeddings; standardisation and whitening |
//! | [`scale`], [`axes`] | one scale for all columns, and the principal axes of rows on it |
//! | [`knn`], [`linear`] | how much a label buys: cosine kNN vote, linear probe |
//! | [`classifier`], [`recipe`] | the same for training end to end, from scratch or from a pre-trained encoder |
//! | [`anomaly`] | scores of what is unlike the normal rows, and what they are worth |
//! | [`regression`] | the probe for a number instead of a class |
//! | [`metrics`], [`statistics`], [`units`], [`sign_flip`] | how good, and how sure: scores, intervals, paired tests |
//! | [`retrieval`], [`rank`], [`agreement`] | relevant rows first, numbers in one order, clusters against classes |
//! | [`split`] | which rows may be used for what, without leaks |
//! | [`unsupervised`] | what can be known without a label |
//! | [`neighbors`], [`projection`] | what lies next to what: retrieval, near-duplicates, a map |
//! | [`lbfgs`], [`eigen`] | the numerical methods that these stand on |
//!
//! Products run in blocks through candle's CPU matrix product and rayon; sums are taken in a fixed order, so that
//! results are the same bits for the same seed.

pub mod agreement;
pub mod anomaly;
pub mod axes;
pub mod classifier;
pub mod eigen;
mod embed;
pub mod features;
pub mod knn;
pub mod lbfgs;
pub mod linear;
mod matrix;
pub mod metrics;
pub mod neighbors;
pub mod projection;
pub mod rank;
pub mod recipe;
pub mod regression;
pub mod retrieval;
pub mod scale;
pub mod sign_flip;
pub mod split;
pub mod statistics;
pub mod units;
pub mod unsupervised;

pub use embed::{embed, eval_batch, raw};
pub use features::Features;
