//! Views of a text: which stretch of it is seen, in which order, and which words are left out.

mod order;
mod span;
mod window;
mod words;

pub use order::{ORDER, swapped};
pub use span::span;
pub use window::window;
pub use words::delete;
