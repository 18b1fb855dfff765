//! The `manabi` command.
fn main() {}
