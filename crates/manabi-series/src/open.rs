//! A dataset of series: a folder of recordings, one file, a table that names files, or a generated one.

use std::{collections::BTreeSet, path::Path};

use manabi_core::{
    Error, Result,
    data::{
        DataSpec, Entry, Listing, Skipped, Source, apply_labels, first_few, folder, manifest, parse_labels, tolerate,
    },
};

use crate::{
    channels,
    config::{SeriesConfig, SplitRule},
    detect::{Kind, kind},
    read::{self, EXTENSIONS, is_beside, nab::Anomalies, wide},
    recording::Catalogue,
    report,
    series::Series,
    source::{self, SeriesSource},
    split, synthetic, window,
};

/// Opens the dataset at `spec.path`.
pub fn open(spec: &DataSpec, config: &SeriesConfig) -> Result<Box<dyn Source<Series>>> {
    if let Some(generated) = synthetic::by_name(&spec.path) {
        return Ok(Box::new(generated?));
    }
    let listing = files(&spec.path)?;
    let mut catalogue = read_all(listing, spec, config)?;
    let columns = channels::common(&mut catalogue)?;
    let mut notes: Vec<String> = Vec::new();
    let by_recording = apply_to_recordings(spec, &mut catalogue, &mut notes)?;
    window::keep_short(&mut catalogue.recordings, config);
    let rule = split::rule(&catalogue.recordings, &catalogue.words, config)?;
    let plan = window::plan(&catalogue.recordings, config, rule);
    let (sections, remark) = split::sections(&catalogue.recordings, &catalogue.words, plan, rule)?;
    let (mut listing, mut owners, cuts) = source::list(&catalogue, &sections, plan)?;
    listing.skipped = std::mem::take(&mut catalogue.skipped);
    if listing.entries.is_empty() {
        let longest = catalogue.recordings.iter().map(|r| r.rows).max().unwrap_or(0);
        return Err(Error::data(format!(
            "{}: the longest recording has {longest} steps, too few for a window of {}; set a smaller window",
            spec.path.display(),
            plan.window
        )));
    }
    if let (Some(labels), false) = (&spec.labels, by_recording) {
        apply_labels(&mut listing, labels)?;
        if rule == SplitRule::Recording && split::lonely(&catalogue.recordings) {
            notes.extend(split::windows_by_position(&mut listing, &mut owners));
        }
    }
    notes.extend(report::notes(&catalogue, plan, cuts));
    notes.extend(remark);
    listing.notes.extend(notes);
    Ok(Box::new(SeriesSource::new(catalogue, listing, &owners, &columns, config.fill)?))
}

/// The files of the dataset.
fn files(path: &Path) -> Result<Listing> {
    let mut listing = match kind(path) {
        Some(Kind::Manifest) => manifest::list(path)?,
        Some(Kind::File) => {
            let name = path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
            Listing { entries: vec![Entry::new(name, path)], ..Listing::default() }
        }
        Some(Kind::Folder) => folder::list(path, EXTENSIONS)?,
        None if path.is_dir() => folder::list(path, EXTENSIONS)?,
        None if path.is_file() => {
            let name = path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
            Listing { entries: vec![Entry::new(name, path)], ..Listing::default() }
        }
        None => {
            let known = "a folder or file of tables of numbers (csv, tsv, txt), Parquet, MATLAB 5 or sktime files, or \
                         a table with a path column that names such files";
            return Err(Error::data(format!("{}: no series here; {known} can be read", path.display())));
        }
    };
    let beside: Vec<Entry> = listing.entries.extract_if(.., |e| is_beside(&e.path)).collect();
    if !beside.is_empty() {
        let names: Vec<&str> = beside.iter().map(|e| e.id.as_str()).collect();
        listing.notes.push(format!("read-me files and the like left aside: {}", first_few(&names)));
    }
    // A file whose lines are series brings its own classes; where several sets lie in one folder their names stay.
    let sets: BTreeSet<&str> = listing.entries.iter().filter_map(|e| set_of(e)).collect();
    if let (false, Some(example)) = (sets.len() <= 1, sets.first()) {
        listing.notes.push(format!(
            "{} sets in one folder: their classes are named SET/CLASS; give the folder of one of them ({example}) to \
             look at it alone",
            sets.len()
        ));
    }
    let several = sets.len() > 1;
    let of_set: Vec<bool> = listing.entries.iter().map(|e| set_of(e).is_some()).collect();
    for (entry, of_set) in listing.entries.iter_mut().zip(of_set) {
        if of_set && !several {
            entry.label = None;
        }
    }
    // One folder around everything is no class.
    let labels: BTreeSet<&Option<String>> = listing.entries.iter().map(|e| &e.label).collect();
    if labels.len() == 1 && !matches!(kind(path), Some(Kind::Manifest)) {
        listing.entries.iter_mut().for_each(|e| e.label = None);
    }
    Ok(listing)
}

/// The set that a file belongs to: `GunPoint` of `GunPoint/GunPoint_TRAIN.tsv`.
fn set_of(entry: &Entry) -> Option<&str> {
    let stem = entry.path.file_stem()?.to_str()?;
    wide::split_of(stem)?;
    Some(stem.rsplit_once(['_', '-', '.'])?.0)
}

fn read_all(listing: Listing, spec: &DataSpec, config: &SeriesConfig) -> Result<Catalogue> {
    let limit = (config.memory << 20).min(spec.cache_bytes.max(1 << 20));
    let mut catalogue = Catalogue::new(limit);
    catalogue.skipped = listing.skipped;
    listing.notes.into_iter().for_each(|note| catalogue.remark(note));
    let total = listing.entries.len() + catalogue.skipped.len();
    let anomalies = if spec.path.is_dir() { Anomalies::of(&spec.path)? } else { None };
    for entry in &listing.entries {
        if let Err(error) = read::read(entry, config, anomalies.as_ref(), &mut catalogue) {
            // A setting that fits no file, or a disk that is full, is not the file's fault.
            let reason = match error {
                Error::File { reason, .. } => reason,
                Error::Io { path, source } if path == entry.path => source.to_string(),
                other => return Err(other),
            };
            catalogue.skipped.push(Skipped { id: entry.id.clone(), reason });
            tolerate(&catalogue.skipped, total, spec)?;
        }
    }
    tolerate(&catalogue.skipped, total, spec)?;
    if catalogue.recordings.is_empty() {
        return Err(Error::data(format!("{}: there is no recording", spec.path.display())));
    }
    Ok(catalogue)
}

/// Applies a labels file whose ids are those of recordings; false if it names windows (`file#start`).
fn apply_to_recordings(spec: &DataSpec, catalogue: &mut Catalogue, notes: &mut Vec<String>) -> Result<bool> {
    let Some(path) = &spec.labels else { return Ok(false) };
    let bytes = std::fs::read(path).map_err(|e| Error::io(path, e))?;
    let rows = parse_labels(&bytes).map_err(|reason| Error::file(path, reason))?;
    let known: BTreeSet<&str> = catalogue.recordings.iter().map(|r| r.id.as_str()).collect();
    if rows.iter().any(|r| !known.contains(r.id.as_str()) && r.id.contains('#')) {
        return Ok(false);
    }
    let entries = catalogue.recordings.iter().map(|r| Entry { group: r.group.clone(), ..Entry::new(&r.id, &r.path) });
    let mut listing = Listing { entries: entries.collect(), skipped: catalogue.skipped.clone(), ..Listing::default() };
    apply_labels(&mut listing, path)?;
    for (recording, entry) in catalogue.recordings.iter_mut().zip(listing.entries) {
        (recording.label, recording.group) = (entry.label, entry.group);
        (recording.flagged, recording.runs) = (None, Vec::new());
    }
    notes.extend(listing.notes);
    Ok(true)
}
