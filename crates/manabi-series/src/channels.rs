//! Which channels all recordings have, and where they stand in each.

use std::sync::Arc;

use manabi_core::{Error, Result, data::first_few};

use crate::recording::Catalogue;

/// The places of the common channels in each recording, in the order of the first one. Channels that only some have are
/// left out with a remark.
pub fn common(catalogue: &mut Catalogue) -> Result<Vec<Arc<[usize]>>> {
    let Some(first) = catalogue.recordings.first() else { return Ok(Vec::new()) };
    let (first_id, names) = (first.id.clone(), first.channels.clone());
    if catalogue.recordings.iter().all(|r| r.channels == names) {
        let all: Arc<[usize]> = (0..names.len()).collect();
        return Ok(vec![all; catalogue.recordings.len()]);
    }
    let place = |channels: &[String], name: &String| channels.iter().position(|c| c.eq_ignore_ascii_case(name));
    let shared: Vec<&String> =
        names.iter().filter(|n| catalogue.recordings.iter().all(|r| place(&r.channels, n).is_some())).collect();
    if shared.is_empty() {
        let other = catalogue.recordings.iter().find(|r| names.iter().all(|n| place(&r.channels, n).is_none()));
        let (id, found) = other.map_or((first_id.as_str(), &names), |r| (r.id.as_str(), &r.channels));
        return Err(Error::data(format!(
            "the recordings have no channel in common: {first_id} has {}, {id} has {}; read them apart, or rename \
             columns",
            first_few(&names),
            first_few(found)
        )));
    }
    let mut columns = Vec::with_capacity(catalogue.recordings.len());
    let mut partial: std::collections::BTreeMap<String, usize> = std::collections::BTreeMap::new();
    for recording in &catalogue.recordings {
        columns.push(shared.iter().filter_map(|n| place(&recording.channels, n)).collect());
        for name in recording.channels.iter().filter(|n| !shared.iter().any(|s| s.eq_ignore_ascii_case(n))) {
            *partial.entry(name.clone()).or_default() += 1;
        }
    }
    let all = catalogue.recordings.len();
    let remarks: Vec<String> = partial
        .into_iter()
        .map(|(name, count)| format!("channel \"{name}\" is in {count} of {all} recordings and is left out"))
        .collect();
    remarks.into_iter().for_each(|r| catalogue.remark(r));
    Ok(columns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::Recording;

    fn catalogue(channels: &[&[&str]]) -> Catalogue {
        let mut catalogue = Catalogue::new(64);
        for (number, names) in channels.iter().enumerate() {
            let channels = names.iter().map(|n| (*n).to_string()).collect();
            catalogue.begin(Recording { id: format!("r{number}"), channels, ..Recording::default() });
        }
        catalogue
    }

    #[test]
    fn channels_are_matched_by_name_wherever_they_stand() {
        let mut catalogue = catalogue(&[&["DE", "FE"], &["BA", "fe", "DE"]]);
        let columns = common(&mut catalogue).unwrap();
        assert_eq!((&*columns[0], &*columns[1]), (&[0, 1][..], &[2, 1][..]));
        assert_eq!(catalogue.remarks.keys().next().unwrap(), "channel \"BA\" is in 1 of 2 recordings and is left out");
    }

    #[test]
    fn nothing_in_common_is_an_error_that_names_both() {
        let message = common(&mut catalogue(&[&["a"], &["b"]])).unwrap_err().to_string();
        assert!(message.contains("r0 has a, r1 has b"), "{message}");
    }
}
