//! One file a verb.

pub mod data;
pub mod methods;
