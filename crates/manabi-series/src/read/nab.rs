//! Anomalies that lie in a file of their own: the Numenta Anomaly Benchmark's `labels/combined_windows.json`.
//!
//! It names for each table, by its path below `data/`, the spans of time that are anomalous:
//! `{"realTweets/x.csv": [["2015-02-26 21:42:53", "2015-02-27 21:42:53"], …], …}`.

use std::{collections::HashMap, io::Read, path::Path};

use manabi_core::{Error, Result};

use super::time;

/// Larger label files are refused.
const MAX_BYTES: u64 = 16 << 20;

/// The anomalous spans of each table, in seconds since 1970.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Anomalies {
    spans: HashMap<String, Vec<(f64, f64)>>,
}

impl Anomalies {
    /// Those of the dataset at `root`, if it has such a file (in `root` or beside it).
    pub fn of(root: &Path) -> Result<Option<Self>> {
        let known = [Some(root), root.parent()].into_iter().flatten().map(|f| f.join("labels/combined_windows.json"));
        let Some(path) = known.into_iter().find(|p| p.is_file()) else { return Ok(None) };
        let mut bytes = Vec::new();
        let file = std::fs::File::open(&path).map_err(|e| Error::io(&path, e))?;
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|e| Error::io(&path, e))?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(Error::file(&path, format!("more than {} MiB of labels", MAX_BYTES >> 20)));
        }
        Self::parse(&bytes).map(Some).map_err(|reason| Error::file(&path, reason))
    }

    /// Parses the JSON text.
    pub fn parse(bytes: &[u8]) -> std::result::Result<Self, String> {
        let read: HashMap<String, Vec<(String, String)>> =
            serde_json::from_slice(bytes).map_err(|e| format!("not a list of [begin, end] for each table ({e})"))?;
        let moment = |text: &str| time::parse(text.as_bytes()).ok_or_else(|| format!("\"{text}\" is no time"));
        let mut spans = HashMap::new();
        for (table, pairs) in read {
            let pairs: std::result::Result<Vec<_>, String> =
                pairs.iter().map(|(from, to)| Ok((moment(from)?, moment(to)?))).collect();
            spans.insert(table, pairs?);
        }
        Ok(Self { spans })
    }

    /// The spans of the table `id`, a path that ends like one of the names.
    pub fn of_table(&self, id: &str) -> Option<&[(f64, f64)]> {
        let plain = id.rsplit_once("data/").map_or(id, |(_, rest)| rest);
        self.spans.get(plain).or_else(|| self.spans.get(id)).map(Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spans_are_found_by_the_path_below_data() {
        let text = br#"{"a/x.csv": [["1970-01-01 00:00:10.000000", "1970-01-01 00:01:00"]], "a/y.csv": []}"#;
        let anomalies = Anomalies::parse(text).unwrap();
        assert_eq!(anomalies.of_table("data/a/x.csv"), Some(&[(10.0, 60.0)][..]));
        assert_eq!((anomalies.of_table("a/y.csv"), anomalies.of_table("z.csv")), (Some(&[][..]), None));
    }

    #[test]
    fn a_broken_file_says_what_is_wrong() {
        assert!(Anomalies::parse(br#"{"x": [["soon", "later"]]}"#).unwrap_err().contains("\"soon\" is no time"));
        assert!(Anomalies::parse(b"[1]").unwrap_err().contains("begin, end"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Anomalies::parse(&bytes);
        }
    }
}
