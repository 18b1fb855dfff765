//! The report of a study: its schema, its verdict, its pictures, its page, and the files that it is written to.

pub mod format;
pub mod html;
pub mod schema;
pub mod svg;
pub mod text;
pub mod verdict;
pub mod write;

pub use html::render;
pub use schema::*;
pub use verdict::MIN_GROUPS;
pub use write::{Written, read, write_evaluation, write_report};
