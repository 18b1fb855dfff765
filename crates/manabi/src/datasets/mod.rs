//! Public datasets by name: what manabi knows of them, and how a checked copy comes to this computer.
//!
//! A manifest (`datasets/*.toml`) says where a dataset comes from, what every byte of it must hash to, its licence and
//! its split. [`fetch()`] brings it into the [`Store`] from the network or from a mirror folder; only a copy that was
//! unpacked whole and whose checksums are right is ever handed out ([`Store::path_of`]).

mod checksums;
mod download;
mod error;
mod fetch;
mod list;
mod manifest;
mod mirror;
mod progress;
mod registry;
mod store;
mod unpack;
mod validate;
mod verify;

#[cfg(test)]
mod tests;

pub use error::{DatasetError, Result};
pub use fetch::{FetchOptions, fetch};
pub use list::{Row, rows};
pub use manifest::{Archive, First, Group, GroupRule, Loader, Manifest, Mirror, RemoteFile, Split, Tree};
pub use mirror::MIRROR_VARIABLE;
pub use registry::{MANIFESTS_VARIABLE, all, all_with, find};
pub use store::{DATA_VARIABLE, Store};
pub use verify::{VerifyReport, verify};
