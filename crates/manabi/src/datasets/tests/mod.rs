//! Tests of the datasets: against a server on this computer, against archives that attack, and on the real mirror.

mod download;
mod fetch;
mod helpers;
mod manifest;
mod real_mirror;
mod server;
mod store;
mod unpack;
