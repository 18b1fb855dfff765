//! What a dataset of texts is made of: lengths, languages, copies, personal data; and the masks for the last.

mod distinct;
mod inventory;
mod language;
mod look;
mod minhash;
mod near;
mod personal;
mod redact;

pub use inventory::{Alike, Inventory, Lengths, Those};
pub use language::{language, language_name};
pub use look::inspect;
pub use minhash::{Signature, signature, similarity};
pub use near::near_duplicates;
pub use personal::{Found, Kind, find};
pub use redact::redact;
