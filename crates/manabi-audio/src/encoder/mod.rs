//! Encoders by name. All take log-mel batches `(N, 1, F, T)`; the convolutional ones and the Transformers take any `T`
//! that is long enough, so that training may see shorter pieces than evaluation.

use candle_core::Tensor;
use manabi_core::{Error, Result, encoder::Encoder, nn::Params};

mod byola;
mod pool;
mod small;
mod vit;

pub use byola::{Byola, ByolaConfig};
pub use small::{Small, SmallConfig};
pub use vit::{Vit, VitConfig};

/// Names that [`build`] knows.
pub const NAMES: &[&str] = &["small", "byola", "vit-tiny", "vit-small", "vit-frames"];

enum Shape {
    Small(SmallConfig),
    Byola(ByolaConfig),
    Vit(VitConfig),
}

fn shape(name: &str, bins: usize) -> Result<Shape> {
    Ok(match name {
        "small" => Shape::Small(SmallConfig::standard(bins)),
        "byola" => Shape::Byola(ByolaConfig::published(bins)),
        "vit-tiny" => Shape::Vit(VitConfig::tiny(bins)),
        "vit-small" => Shape::Vit(VitConfig::small(bins)),
        "vit-frames" => Shape::Vit(VitConfig::frames(bins)),
        _ => return Err(Error::config(format!("there is no encoder \"{name}\"; known: {}", NAMES.join(", ")))),
    })
}

/// Builds the encoder `name` for maps of `bins` mel bins with its parameters below `params`.
///
/// # Errors
/// If the name is unknown, or the number of bins does not suit the encoder.
pub fn build(name: &str, bins: usize, params: &Params) -> Result<Box<dyn Encoder<Tensor>>> {
    Ok(match shape(name, bins)? {
        Shape::Small(config) => Box::new(Small::new(params, config)?),
        Shape::Byola(config) => Box::new(Byola::new(params, config)?),
        Shape::Vit(config) => Box::new(Vit::new(params, config)?),
    })
}

/// Multiply-adds of one forward pass of one map of `bins × frames`; 0 if there is no such encoder.
pub fn cost(name: &str, bins: usize, frames: usize) -> f64 {
    match shape(name, bins) {
        Ok(Shape::Small(config)) => config.cost(frames),
        Ok(Shape::Byola(config)) => config.cost(frames),
        Ok(Shape::Vit(config)) => config.cost(frames),
        Err(_) => 0.0,
    }
}

#[cfg(test)]
mod tests;
