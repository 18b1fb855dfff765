//! `manabi inspect`: what is in the data, and what to run on it.

use anyhow::Result;
use manabi_core::modality::Modality;
use manabi_pilot::study::Parts;

use super::{Global, data::table, resolve};
use crate::cli::{
    InspectArgs,
    settings::{self, Settings},
};

/// Classes and skipped files that are listed.
const LISTED: usize = 12;

/// Runs the verb.
pub fn run<M: Modality>(args: &InspectArgs, global: Global) -> Result<()> {
    let spec = resolve::spec(&args.data)?;
    let mut asked = Settings::default();
    args.set.iter().try_for_each(|assignment| asked.set(assignment))?;
    if args.redact {
        asked.data.insert("redact".into(), true.into());
    }
    let config = settings::resolve("the data (--set data.…)", &M::Config::default(), &asked.data)?;
    let source = M::open(&spec, &config)?;
    let parts = Parts::of(source.records(), 0)?;
    let facts = M::describe(source.as_ref())?;
    let mut counts = vec![0usize; source.classes().len()];
    source.labels().iter().flatten().for_each(|&l| counts[l as usize] += 1);
    let labelled: usize = counts.iter().sum();
    if global.json {
        let classes: serde_json::Map<_, _> =
            source.classes().iter().cloned().zip(counts.iter().map(|&c| c.into())).collect();
        let facts: serde_json::Map<_, _> = facts.into_iter().map(|(k, v)| (k, v.into())).collect();
        let out = serde_json::json!({
            "modality": M::NAME, "samples": source.len(), "labelled": labelled, "classes": classes, "facts": facts,
            "train": parts.train.len(), "test": parts.test.len(), "official_split": parts.official, "skipped": source.skipped(),
            "notes": source.notes(),
        });
        println!("{}", serde_json::to_string_pretty(&out)?);
        return Ok(());
    }
    println!("{}: {} samples of {}, {} with a label", spec.path.display(), source.len(), M::NAME, labelled);
    let mut list = table(&["", ""]);
    for (name, value) in facts {
        list.add_row([name, value]);
    }
    let split = if parts.official { "the dataset's own" } else { "drawn by class and group" };
    list.add_row(["training / test".to_string(), format!("{} / {} ({split})", parts.train.len(), parts.test.len())]);
    println!("{list}");
    if !counts.is_empty() {
        let mut classes = table(&["class", "labels"]);
        for (name, count) in source.classes().iter().zip(&counts).take(LISTED) {
            classes.add_row([name.clone(), count.to_string()]);
        }
        println!("{classes}");
        if counts.len() > LISTED {
            println!("… and {} more classes", counts.len() - LISTED);
        }
    }
    global.remark(source.notes());
    for skipped in source.skipped().iter().take(LISTED) {
        println!("left out: {}: {}", skipped.id, skipped.reason);
    }
    if source.skipped().len() > LISTED {
        println!("… and {} more left out", source.skipped().len() - LISTED);
    }
    println!("\nTo run: manabi pilot {}", args.data.data.as_deref().unwrap_or(&spec.path).display());
    Ok(())
}
