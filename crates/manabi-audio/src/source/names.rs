//! What file names say: `label_speaker_index`, as the Free Spoken Digit Dataset writes them.
//!
//! The pattern is taken for one only where every file of one folder agrees. A speaker is a group: rows of one speaker
//! never stand in two splits, because an encoder that has heard a voice knows more of it than of a stranger's. FSDD's
//! official split (indices 0 to 4 of each speaker and digit are the test) has the same six voices on both sides; it can
//! be asked for.

use std::collections::BTreeSet;

use manabi_core::{
    Error, Result,
    data::{Listing, Split},
};
use serde::{Deserialize, Serialize};

/// Which split of a dataset is used that has an official one and groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SplitRule {
    /// Splits are drawn, and no group (of FSDD a speaker, of ESC-50 a source recording) stands in two of them.
    Speaker,
    /// The published one: FSDD's indices 0 to 4 of known voices, ESC-50's fifth fold.
    Official,
}

/// Makes the group `name` (a speaker, a machine) the test part, and all others the training part.
///
/// # Errors
/// If there is no such group; the message names some that there are.
pub(crate) fn hold_out(listing: &mut Listing, name: &str) -> Result<()> {
    let groups: BTreeSet<&str> = listing.entries.iter().filter_map(|e| e.group.as_deref()).collect();
    if !groups.contains(name) {
        let some: Vec<&str> = groups.into_iter().take(10).collect();
        let known =
            if some.is_empty() { "no row has a group".into() } else { format!("there are {}", some.join(", ")) };
        return Err(Error::config(format!("held_out = \"{name}\": there is no such group; {known}")));
    }
    for entry in &mut listing.entries {
        let tested = entry.group.as_deref() == Some(name);
        entry.split = Some(if tested { Split::Test } else { Split::Train });
    }
    listing.notes.push(format!("{name} is the test, the other groups are trained on"));
    Ok(())
}

/// Indices below this are FSDD's test set.
const OFFICIAL_TEST: u32 = 5;

/// The parts of a name `label_speaker_index.wav`.
fn parts(id: &str) -> Option<(&str, &str, u32)> {
    let name = id.rsplit_once('/').map_or(id, |(_, name)| name);
    let (stem, _) = name.rsplit_once('.')?;
    let mut parts = stem.split('_');
    let (label, speaker, index) = (parts.next()?, parts.next()?, parts.next()?);
    let whole = parts.next().is_none() && !label.is_empty();
    let named = speaker.chars().next().is_some_and(char::is_alphabetic);
    (whole && named && index.chars().all(|c| c.is_ascii_digit())).then_some((label, speaker, index.parse().ok()?))
}

/// Reads labels, groups and the official split from the names, where all of them follow the pattern and no folder
/// names classes.
pub(crate) fn apply(listing: &mut Listing, rule: SplitRule) {
    let folders: BTreeSet<Option<&str>> = listing.entries.iter().map(|e| e.label.as_deref()).collect();
    let Some(found) = listing.entries.iter().map(|e| parts(&e.id)).collect::<Option<Vec<_>>>() else { return };
    let distinct = |of: fn(&(&str, &str, u32)) -> String| found.iter().map(of).collect::<BTreeSet<_>>().len();
    let (labels, speakers) = (distinct(|p| p.0.into()), distinct(|p| p.1.into()));
    // Two of each at least, each seen twice: otherwise the underscores mean something else.
    if folders.len() > 1 || labels < 2 || speakers < 2 || found.len() < 2 * labels.max(speakers) {
        return;
    }
    let found: Vec<(String, String, u32)> = found.into_iter().map(|(l, s, i)| (l.into(), s.into(), i)).collect();
    for (entry, (label, speaker, index)) in listing.entries.iter_mut().zip(found) {
        entry.label = Some(label);
        match rule {
            SplitRule::Speaker => entry.group = Some(speaker),
            SplitRule::Official => {
                entry.split = Some(if index < OFFICIAL_TEST { Split::Test } else { Split::Train });
            }
        }
    }
    listing.notes.push(match rule {
        SplitRule::Speaker => format!(
            "names are label_speaker_index: {labels} labels of {speakers} speakers; no speaker stands in two splits \
             (split = \"official\" tests on known voices)"
        ),
        SplitRule::Official => format!(
            "names are label_speaker_index: indices 0 to {} are the official test, whose {speakers} voices are also \
             trained on",
            OFFICIAL_TEST - 1
        ),
    });
}

#[cfg(test)]
mod tests {
    use manabi_core::data::Entry;
    use proptest::prelude::*;

    use super::*;

    fn listing(ids: &[&str]) -> Listing {
        let entries = ids
            .iter()
            .map(|id| {
                let label = id.split_once('/').map(|(folder, _)| folder.to_string());
                Entry { label, ..Entry::new(*id, *id) }
            })
            .collect();
        Listing { entries, ..Listing::default() }
    }

    fn fsdd() -> Listing {
        let ids: Vec<String> =
            (0..40).map(|i| format!("recordings/{}_{}_{}.wav", i % 2, ["jackson", "theo"][i / 2 % 2], i / 4)).collect();
        listing(&ids.iter().map(String::as_str).collect::<Vec<_>>())
    }

    #[test]
    fn speakers_are_groups_unless_the_official_split_is_asked_for() {
        let mut l = fsdd();
        apply(&mut l, SplitRule::Speaker);
        assert_eq!(l.classes(), ["0", "1"]);
        assert!(l.entries.iter().all(|e| e.group.is_some() && e.split.is_none()));
        assert!(l.notes[0].contains("2 labels of 2 speakers"), "{:?}", l.notes);
        let mut l = fsdd();
        apply(&mut l, SplitRule::Official);
        assert_eq!(l.entries.iter().filter(|e| e.split == Some(Split::Test)).count(), 20);
        assert!(l.entries.iter().all(|e| e.group.is_none()));
    }

    #[test]
    fn one_speaker_can_be_held_out_by_name() {
        let mut l = fsdd();
        apply(&mut l, SplitRule::Speaker);
        hold_out(&mut l, "theo").unwrap();
        assert!(l.entries.iter().all(|e| (e.split == Some(Split::Test)) == (e.group.as_deref() == Some("theo"))));
        assert_eq!(l.entries.iter().filter(|e| e.split == Some(Split::Test)).count(), 20);
        let message = hold_out(&mut l, "nobody").unwrap_err().to_string();
        assert!(message.contains("\"nobody\"") && message.contains("jackson, theo"), "{message}");
        assert!(hold_out(&mut listing(&["a.wav"]), "theo").unwrap_err().to_string().contains("no row has a group"));
    }

    #[test]
    fn names_that_do_not_all_agree_say_nothing() {
        for other in ["recordings/readme.wav", "recordings/1_2_3.wav", "recordings/a_b_c.wav", "recordings/0_x_1_2.wav"]
        {
            let mut l = fsdd();
            l.entries.push(Entry { label: Some("recordings".into()), ..Entry::new(other, other) });
            let before = l.clone();
            apply(&mut l, SplitRule::Speaker);
            assert_eq!(l, before);
        }
        // Class folders speak for themselves, and two files are no pattern.
        for ids in [&["a/0_x_1.wav", "b/1_y_2.wav", "a/0_x_2.wav", "b/1_y_3.wav"][..], &["0_x_1.wav", "1_y_2.wav"]] {
            let mut l = listing(ids);
            let before = l.clone();
            apply(&mut l, SplitRule::Speaker);
            assert_eq!(l, before);
        }
    }

    proptest! {
        #[test]
        fn no_name_makes_it_panic(ids in proptest::collection::vec(".{0,12}", 0..6)) {
            apply(&mut listing(&ids.iter().map(String::as_str).collect::<Vec<_>>()), SplitRule::Speaker);
        }
    }
}
