//! Encoders by name: dilated convolutions (TS2Vec's), a small residual network, a Transformer of patches.

use manabi_core::{Error, Result, encoder::Encoder, nn::Params};

mod dilated;
mod patch;
mod resnet1d;
mod shared;
#[cfg(test)]
mod testing;

pub use dilated::{Dilated, DilatedConfig};
pub use patch::{Patch, PatchConfig};
pub use resnet1d::{ResNet1d, ResNet1dConfig};

use crate::batch::SeriesBatch;

/// Names that [`build`] knows.
pub const NAMES: &[&str] = &["resnet1d", "dilated", "patch", "patch-revin"];

enum Shape {
    Dilated(DilatedConfig),
    ResNet1d(ResNet1dConfig),
    Patch(PatchConfig),
}

fn shape(name: &str, channels: usize, length: usize) -> Result<Shape> {
    if channels == 0 || length == 0 {
        return Err(Error::config(format!("no encoder reads series of {channels} channels and {length} time stamps")));
    }
    Ok(match name {
        "dilated" => Shape::Dilated(DilatedConfig::new(channels, length)),
        "resnet1d" => Shape::ResNet1d(ResNet1dConfig::new(channels, length)),
        "patch" => Shape::Patch(PatchConfig::new(channels, length, false)),
        "patch-revin" => Shape::Patch(PatchConfig::new(channels, length, true)),
        _ => return Err(Error::config(format!("there is no encoder \"{name}\"; known: {}", NAMES.join(", ")))),
    })
}

/// Builds the encoder `name` for series of `channels` channels and about `length` time stamps, with its parameters below
/// `params`. It takes series of any length.
///
/// # Errors
/// If the name is unknown, or there are no channels or time stamps.
pub fn build(name: &str, channels: usize, length: usize, params: &Params) -> Result<Box<dyn Encoder<SeriesBatch>>> {
    Ok(match shape(name, channels, length)? {
        Shape::Dilated(config) => Box::new(Dilated::new(params, config)?),
        Shape::ResNet1d(config) => Box::new(ResNet1d::new(params, config)?),
        Shape::Patch(config) => Box::new(Patch::new(params, config)?),
    })
}

/// Multiply-adds of one forward pass of one series; 0 if there is no such encoder.
pub fn cost(name: &str, channels: usize, length: usize) -> f64 {
    match shape(name, channels, length) {
        Ok(Shape::Dilated(config)) => config.cost(length),
        Ok(Shape::ResNet1d(config)) => config.cost(length),
        Ok(Shape::Patch(config)) => config.cost(length),
        Err(_) => 0.0,
    }
}

#[cfg(test)]
mod tests;
