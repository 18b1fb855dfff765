//! `manabi methods [NAME]`: what can be chosen, with every setting and its default.

use anyhow::Result;
use manabi_core::method::{self, DatasetFacts, MethodEntry};

use super::data::table;
use crate::modality::REGISTRY;

/// The dataset that the listed defaults are for; a run resolves its own.
const EXAMPLE: DatasetFacts =
    DatasetFacts { samples: 50_000, classes: 10, transformations: 4, batch: 256, steps: 5000, dim: 256 };

/// Runs the verb.
pub fn run(name: Option<&str>, json: bool) -> Result<()> {
    // Methods do not depend on the batch type; any will do to list them.
    let entries = match name {
        Some(name) => vec![method::find::<()>(name)?],
        None => method::methods::<()>(),
    };
    if json {
        let rows: Vec<_> = entries.iter().map(describe).collect();
        println!("{}", serde_json::to_string_pretty(&rows)?);
        return Ok(());
    }
    if let (Some(_), [entry]) = (name, entries.as_slice()) {
        println!("{}: {}\n{}; {}\n", entry.name, entry.summary, entry.family.title(), entry.paper);
        println!("Settings (--set KEY=VALUE) with their defaults for 50 000 samples:\n");
        print!("{}", toml::to_string(&(entry.settings)(&EXAMPLE))?);
        return Ok(());
    }
    let mut list = table(&["method", "family", "what it does", "paper"]);
    for e in &entries {
        list.add_row([e.name, e.family.title(), e.summary, e.paper]);
    }
    println!("{list}");
    for modality in REGISTRY {
        println!("Encoders for {}: {}", modality.name(), modality.encoders().join(", "));
    }
    println!("manabi methods NAME shows a method's settings.");
    Ok(())
}

fn describe(entry: &MethodEntry<()>) -> serde_json::Value {
    serde_json::json!({
        "name": entry.name,
        "aliases": entry.aliases,
        "family": entry.family.title(),
        "paper": entry.paper,
        "summary": entry.summary,
        "settings": (entry.settings)(&EXAMPLE),
    })
}
