//! `manabi methods [NAME]`: what can be chosen, with every setting and its default.

use anyhow::{Result, bail};
use manabi_core::method::DatasetFacts;

use super::data::table;
use crate::modality::{MethodFacts, REGISTRY};

/// The dataset that the listed defaults are for; a run resolves its own.
const EXAMPLE: DatasetFacts =
    DatasetFacts { samples: 50_000, classes: 10, transformations: 4, batch: 256, steps: 5000, dim: 256 };

/// A method and the modalities that know it.
struct Listed {
    facts: MethodFacts,
    modalities: Vec<&'static str>,
}

/// Runs the verb.
pub fn run(name: Option<&str>, json: bool) -> Result<()> {
    let mut listed = all();
    if let Some(name) = name {
        let known: Vec<&str> = listed.iter().map(|l| l.facts.name).collect();
        let refusal = format!("there is no method \"{name}\"; known: {}", known.join(", "));
        listed.retain(|l| l.facts.name == name || l.facts.aliases.contains(&name));
        if listed.is_empty() {
            bail!("{refusal}");
        }
    }
    if json {
        let rows: Vec<_> = listed.iter().map(describe).collect();
        println!("{}", serde_json::to_string_pretty(&rows)?);
        return Ok(());
    }
    if name.is_some() {
        for Listed { facts, modalities } in &listed {
            println!(
                "{}: {}\n{}; {}; for {}\n",
                facts.name,
                facts.summary,
                facts.family,
                facts.paper,
                modalities.join(", ")
            );
            println!("Settings (--set KEY=VALUE) with their defaults for 50 000 samples:\n");
            print!("{}", toml::to_string(&facts.settings)?);
        }
        return Ok(());
    }
    let mut families: Vec<&str> = listed.iter().map(|l| l.facts.family).collect();
    families.sort_unstable();
    families.dedup();
    for family in families {
        let mut list = table(&[family, "for", "what it does"]);
        for Listed { facts, modalities } in listed.iter().filter(|l| l.facts.family == family) {
            let everywhere = modalities.len() == REGISTRY.len();
            let modalities = if everywhere { "all".to_string() } else { modalities.join(", ") };
            list.add_row([facts.name, &modalities, facts.summary]);
        }
        println!("{list}\n");
    }
    for modality in REGISTRY {
        println!("Encoders for {}: {}", modality.name(), modality.encoders().join(", "));
    }
    println!("manabi methods NAME shows a method's paper and settings.");
    Ok(())
}

/// Every method once, in the order of the modalities' lists.
fn all() -> Vec<Listed> {
    let mut listed: Vec<Listed> = Vec::new();
    for modality in REGISTRY {
        for facts in modality.methods(&EXAMPLE) {
            match listed.iter_mut().find(|l| l.facts.name == facts.name && l.facts.summary == facts.summary) {
                Some(known) => known.modalities.push(modality.name()),
                None => listed.push(Listed { facts, modalities: vec![modality.name()] }),
            }
        }
    }
    listed
}

fn describe(Listed { facts, modalities }: &Listed) -> serde_json::Value {
    let mut value = serde_json::json!(facts);
    value["modalities"] = serde_json::json!(modalities);
    value
}
