//! Text for manabi: sources, tokenisers, encoders in BERT's layout and static embeddings, and their methods.
//!
//! [`source`] lists and reads a dataset, [`tokenizer`] turns texts into token numbers, [`augment`] makes views, [`batch`]
//! lays the tokens of a batch one after the other without padding, [`encoder`] turns them into features, [`method`] has the pretext
//! tasks that are text's own; [`TextModality`] is all of it behind the core's trait.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod augment;
pub mod batch;
pub mod config;
pub mod encoder;
pub mod inspect;
pub mod method;
pub mod modality;
pub mod preview;
pub mod raw;
pub mod sample;
pub mod source;
pub mod start;
pub mod synthetic;
pub mod tokenizer;

pub use batch::TextBatch;
pub use config::TextConfig;
pub use modality::TextModality;
pub use sample::{Sample, Text, Tokens};
