//! Transformation prediction: say what was done to the sample.

pub mod prediction;
