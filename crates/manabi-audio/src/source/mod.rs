//! What a dataset of recordings is made of: where the rows come from and what their names say.

pub(crate) mod clips;
mod esc;
mod layout;
mod names;
mod recordings;

pub use self::clips::cut;
pub use layout::{Layout, is_recording, layout};
pub use names::SplitRule;
pub use recordings::Recordings;

pub(crate) use esc::list as list_esc;
pub(crate) use layout::listing;
pub(crate) use names::{apply as apply_names, hold_out};
