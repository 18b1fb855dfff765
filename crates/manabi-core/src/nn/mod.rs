//! Layers on `manabi-kernels`, initialised by seed, whose every parameter receives a gradient.

mod params;

pub use params::{Init, Params, Role};
