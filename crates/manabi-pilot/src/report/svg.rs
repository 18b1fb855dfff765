//! The pictures of the report: inline SVG, pure functions of their data, coloured by the style sheet of the page.
//!
//! Colours are Okabe and Ito's, which people with any colour vision tell apart; marker shapes say the same a second time.

pub mod axes;
#[cfg(test)]
pub(crate) mod check;
pub mod cost;
pub mod curves;
pub mod efficiency;
pub mod map;
pub mod palette;

pub use cost::cost_bar;
pub use curves::training_curves;
pub use efficiency::{Width, label_efficiency};
pub use map::embedding_map;
