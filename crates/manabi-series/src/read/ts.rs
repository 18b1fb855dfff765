//! sktime's `.ts` files: the form in which the UCR and UEA archives give series of several channels.
//!
//! Lines that begin with `#` are remarks, with `@` settings. After `@data` a line is a series: channels between colons,
//! values between commas, `?` where one is missing, and the class (or a number to be regressed) at the end. Channels
//! and series may differ in length.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    path::Path,
    sync::Arc,
};

use manabi_core::{Error, Result, data::Entry};

use super::{number::number, wide::split_of};
use crate::recording::{Catalogue, Recording};

/// Longer lines are refused.
const MAX_LINE: u64 = 64 << 20;

/// What the settings of a file say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Settings {
    class: bool,
    target: bool,
    stamps: bool,
}

/// One series as a line gives it.
#[derive(Clone, Debug, PartialEq)]
struct Line {
    /// Rows of one value a channel.
    rows: Vec<f32>,
    channels: usize,
    last: Option<String>,
}

/// True if the text begins like such a file, so that it is not a program in TypeScript.
pub fn is_ts(path: &Path) -> bool {
    let Ok(file) = File::open(path) else { return false };
    let mut start = String::new();
    // A cut within a character makes an error, after what was read before it.
    let _ = BufReader::new(file.take(1 << 16)).read_to_string(&mut start);
    let first = start.lines().map(str::trim).find(|l| !l.is_empty() && !l.starts_with('#'));
    first.is_some_and(|l| setting(l).is_some())
}

/// Name and value of a line like `@univariate true`.
fn setting(line: &str) -> Option<(String, &str)> {
    const KNOWN: [&str; 11] = [
        "problemname",
        "timestamps",
        "missing",
        "univariate",
        "dimension",
        "dimensions",
        "equallength",
        "serieslength",
        "classlabel",
        "targetlabel",
        "data",
    ];
    let rest = line.strip_prefix('@')?;
    let (name, value) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let name = name.to_ascii_lowercase();
    KNOWN.contains(&name.as_str()).then(|| (name, value.trim()))
}

/// Reads the file that `entry` names.
pub fn read(entry: &Entry, catalogue: &mut Catalogue) -> Result<()> {
    let file = |reason: String| Error::file(&entry.path, reason);
    let mut reader = BufReader::with_capacity(1 << 18, File::open(&entry.path).map_err(|e| Error::io(&entry.path, e))?);
    let (mut settings, mut inside, mut line_number, mut row) = (Settings::default(), false, 0u64, 0u64);
    let mut names: Arc<[String]> = Arc::from([]);
    let split = entry.path.file_stem().and_then(|s| s.to_str()).and_then(split_of);
    loop {
        let mut bytes = Vec::new();
        let count =
            (&mut reader).take(MAX_LINE).read_until(b'\n', &mut bytes).map_err(|e| Error::io(&entry.path, e))?;
        line_number += 1;
        if count as u64 == MAX_LINE {
            return Err(file(format!("line {line_number}: longer than {} MiB", MAX_LINE >> 20)));
        }
        let text = std::str::from_utf8(&bytes).map_err(|_| file(format!("line {line_number}: not UTF-8")))?.trim();
        if count == 0 {
            break;
        }
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        if !inside {
            let Some((name, value)) = setting(text) else {
                return Err(file(format!("line {line_number}: neither a setting that begins with @ nor a remark")));
            };
            let yes = value.split_whitespace().next().is_some_and(|w| w.eq_ignore_ascii_case("true"));
            match name.as_str() {
                "classlabel" => settings.class = yes,
                "targetlabel" => settings.target = yes,
                "timestamps" => settings.stamps = yes,
                "data" => inside = true,
                _ => {}
            }
            if settings.stamps {
                return Err(file("series with time stamps are not read; write them with @timestamps false".into()));
            }
            continue;
        }
        let line =
            parse(text, settings.class || settings.target).map_err(|e| file(format!("line {line_number}: {e}")))?;
        if names.is_empty() {
            names = (1..=line.channels).map(|c| format!("channel {c}")).collect();
        }
        if names.len() != line.channels {
            let (found, expected) = (line.channels, names.len());
            return Err(file(format!("line {line_number}: {found} channels, but {expected} in the lines before")));
        }
        let recording = Recording {
            id: format!("{}:{row}", entry.id),
            whole: true,
            part: Some(row..row + 1),
            split: entry.split.or(split),
            ..Recording::of(entry, names.clone())
        };
        catalogue.begin(named(recording, settings, line.last));
        catalogue.push(&line.rows)?;
        row += 1;
    }
    if row == 0 { Err(file("there is no series after @data".into())) } else { Ok(()) }
}

/// The recording with its class or number; a name that it bears already is that of a set among several.
fn named(mut recording: Recording, settings: Settings, last: Option<String>) -> Recording {
    match (settings.target, last) {
        (true, last) => recording.target = last.and_then(|t| t.parse().ok()).filter(|t: &f64| t.is_finite()),
        (false, Some(class)) => {
            recording.label = Some(recording.label.map_or(class.clone(), |set| format!("{set}/{class}")));
        }
        (false, None) => {}
    }
    recording
}

/// The series in a line; with `last` the part behind the last colon is its class or number.
fn parse(text: &str, last: bool) -> std::result::Result<Line, String> {
    let (values, last) = match (last, text.rsplit_once(':')) {
        (true, Some((values, last))) => (values, Some(last.trim().to_string())),
        (true, None) => return Err("no colon before the class".into()),
        (false, _) => (text, None),
    };
    let channels: Vec<Vec<f32>> = values
        .split(':')
        .map(|channel| {
            let mut found: Vec<f32> = channel
                .split(',')
                .map(|v| number(v.as_bytes(), false).ok_or_else(|| format!("\"{}\" is not a number", v.trim())))
                .collect::<std::result::Result<_, _>>()?;
            while found.last().is_some_and(|v| v.is_nan()) {
                found.pop();
            }
            Ok(found)
        })
        .collect::<std::result::Result<_, String>>()?;
    let length = channels.iter().map(Vec::len).max().unwrap_or(0);
    if length == 0 {
        return Err("a series without values".into());
    }
    let rows =
        (0..length).flat_map(|at| channels.iter().map(move |c| c.get(at).copied().unwrap_or(f32::NAN))).collect();
    Ok(Line { rows, channels: channels.len(), last: last.filter(|l| !l.is_empty() && l != "?") })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read_text(text: &[u8]) -> Result<Catalogue> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("A_TEST.ts");
        std::fs::write(&path, text).unwrap();
        let mut catalogue = Catalogue::new(1 << 20);
        read(&Entry::new("A_TEST.ts", &path), &mut catalogue).map(|()| catalogue)
    }

    const HEAD: &str = "# a remark\n@problemName A\n@univariate false\n@classLabel true x y\n@data\n";

    #[test]
    fn channels_lengths_and_missing_values_may_differ() {
        let catalogue = read_text(format!("{HEAD}1,2,3:4,?:x\n5:6:y\n").as_bytes()).unwrap();
        let found: Vec<_> =
            catalogue.recordings.iter().map(|r| (r.rows, r.channels.len(), r.label.as_deref())).collect();
        assert_eq!(found, [(3, 2, Some("x")), (1, 2, Some("y"))]);
        let mut values = [0.0; 8];
        catalogue.store.read(0, &mut values).unwrap();
        assert!(values[3].is_nan() && values[5].is_nan());
        assert_eq!([values[0], values[1], values[2], values[4], values[6], values[7]], [1.0, 4.0, 2.0, 3.0, 5.0, 6.0]);
        assert_eq!(catalogue.recordings[0].split, Some(manabi_core::data::Split::Test));
    }

    #[test]
    fn a_number_to_be_regressed_is_a_target() {
        let catalogue = read_text(b"@targetlabel true\n@data\n1,2:0.5\n").unwrap();
        assert_eq!((catalogue.recordings[0].target, &catalogue.recordings[0].label), (Some(0.5), &None));
    }

    #[test]
    fn mistakes_name_their_line() {
        let message = |text: &str| read_text(text.as_bytes()).unwrap_err().to_string();
        assert!(message(&format!("{HEAD}1,b:2:x\n")).contains("line 6: \"b\" is not a number"));
        assert!(message(&format!("{HEAD}1:2:x\n1:x\n")).contains("line 7: 1 channels, but 2"));
        assert!(message("hello\n").contains("line 1: neither"));
        assert!(message("@timestamps true\n").contains("@timestamps false"));
        assert!(message(HEAD).contains("no series"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), head: bool) {
            let text = if head { [HEAD.as_bytes(), &bytes].concat() } else { bytes };
            let _ = read_text(&text);
        }

        #[test]
        fn what_is_written_is_read_back(
            channels in proptest::collection::vec(proptest::collection::vec(-1e6f32..1e6, 4), 1..4),
        ) {
            let joined = |c: &Vec<f32>| c.iter().map(f32::to_string).collect::<Vec<_>>().join(",");
            let line: Vec<String> = channels.iter().map(joined).collect();
            let catalogue = read_text(format!("{HEAD}{}:x\n", line.join(":")).as_bytes()).unwrap();
            let mut found = vec![0.0; 4 * channels.len()];
            catalogue.store.read(0, &mut found).unwrap();
            for (at, value) in found.iter().enumerate() {
                prop_assert_eq!(*value, channels[at % channels.len()][at / channels.len()]);
            }
        }
    }
}
