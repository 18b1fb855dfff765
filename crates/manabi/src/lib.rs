//! The manabi command line, and the facade that re-exports its crates.
