//! What TS2Vec's authors published for the sets.

/// Accuracy of TS2Vec and of 1-NN-DTW on a set.
pub fn accuracy(_set: &str) -> Option<(f64, f64)> {
    None
}
