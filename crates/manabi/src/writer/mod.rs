//! Files of embeddings.

pub mod npy;
pub mod parquet;
