//! The regression probe: how much a label buys where the label is a number (remaining life, temperature, grade).
//!
//! | file | answers |
//! |---|---|
//! | [`ridge`] | a linear model on frozen features, its strength chosen without the test rows |
//! | [`metrics`] | RMSE, MAE, R² and the score of the PHM08 challenge |
//!
//! As with classes, the same rows, draws of labels and probe serve every representation.

pub mod metrics;
pub mod ridge;
