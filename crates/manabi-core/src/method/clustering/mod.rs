//! Clustering: views of one sample fall into the same cluster.

pub mod swav;
