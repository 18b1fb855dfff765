//! Sensor time series for manabi: sources, windows, augmentations, encoders, methods and pretext transformations.
//!
//! [`read`] brings recordings of many formats into one [`store`], [`window`] and [`split`] cut them into the rows of a
//! dataset, [`augment`] makes views, [`collate`] stacks them into a [`SeriesBatch`]; [`SeriesModality`] is all of it
//! behind the core's trait.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod augment;
pub mod batch;
pub mod channels;
pub mod collate;
pub mod config;
pub mod detect;
pub mod encoder;
pub mod inspect;
pub mod method;
pub mod modality;
pub mod normalise;
pub mod open;
pub mod preview;
pub mod raw;
pub mod read;
pub mod recording;
pub mod report;
pub mod series;
pub mod source;
pub mod split;
pub mod store;
pub mod synthetic;
pub mod transform;
pub mod window;

pub use augment::AugmentConfig;
pub use batch::SeriesBatch;
pub use config::SeriesConfig;
pub use modality::SeriesModality;
pub use series::Series;
