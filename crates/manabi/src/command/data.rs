//! `manabi data list | fetch | verify`.

use anyhow::{Result, bail};
use comfy_table::{ContentArrangement, Table, presets};

use crate::{
    cli::DataCommand,
    datasets::{FetchOptions, Store, fetch, find, rows, verify},
};

/// Runs the verb.
pub fn run(command: &DataCommand, json: bool, quiet: bool) -> Result<()> {
    let store = Store::open(None)?;
    match command {
        DataCommand::List => {
            let rows = rows(&store)?;
            if json {
                println!("{}", serde_json::to_string_pretty(&rows)?);
                return Ok(());
            }
            let mut table = table(&["name", "modality", "samples", "size", "here", "licence"]);
            for row in &rows {
                let samples = row.samples.to_string();
                table.add_row([&row.name, &row.modality, &samples, &row.size(), row.present(), &row.licence]);
            }
            println!("{table}");
            println!("manabi data fetch NAME brings one here; manabi pilot NAME studies it.");
        }
        DataCommand::Fetch { name, mirror, overwrite } => {
            let manifest = find(name)?;
            let options = FetchOptions { mirror: mirror.clone(), overwrite: *overwrite, quiet };
            let path = fetch(&manifest, &store, options)?;
            println!("{}", path.display());
        }
        DataCommand::Verify { name } => {
            let report = verify(&find(name)?, &store)?;
            if json {
                println!("{}", serde_json::to_string_pretty(&report)?);
            } else {
                println!(
                    "{}: {} files, {} bytes hashed in {}",
                    report.name,
                    report.files,
                    report.bytes,
                    report.path.display()
                );
                for (what, paths) in
                    [("missing", &report.missing), ("changed", &report.changed), ("unknown", &report.unknown)]
                {
                    paths.iter().take(20).for_each(|path| println!("{what}: {path}"));
                }
            }
            if !report.is_intact() {
                bail!("{name} is damaged; fetch it again with manabi data fetch {name} --overwrite");
            }
        }
    }
    Ok(())
}

/// A table that fits 80 columns.
pub fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_header(header.to_vec());
    if table.width().is_none() {
        table.set_width(80);
    }
    table
}
