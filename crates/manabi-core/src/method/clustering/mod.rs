//! Clustering: views of one sample fall into the same cluster, hidden parts into that of what they hide.

pub mod swav;
pub mod units;
