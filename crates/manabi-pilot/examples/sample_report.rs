//! Writes synthetic reports to look at: `cargo run -p manabi-pilot --example sample_report -- DIR`.

use std::path::PathBuf;

#[path = "../tests/sample/mod.rs"]
mod sample;

fn main() -> manabi_pilot::Result<()> {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "target/sample-report".into()));
    for (name, report) in
        [("labelled", sample::report()), ("unlabelled", sample::unlabelled()), ("collapsed", sample::collapsed())]
    {
        let written = manabi_pilot::report::write_report(&report, &folder.join(name))?;
        println!("{}\n{}\n", written.html.display(), report.findings.terminal(80));
    }
    Ok(())
}
