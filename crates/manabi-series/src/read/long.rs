//! Tables in the long layout, as historians of plants export them: a row is one value of one channel at one time.
//!
//! Rows may stand in any order. They are gathered, sorted by time and brought into one row a time stamp; a channel
//! without a value at a time is missing there.

use std::collections::BTreeMap;

use manabi_core::{Error, Result, data::Entry};

use super::{
    dialect::Head,
    roles::is_numeric,
    rows::Rows,
    writer::{Mark, Writer},
};
use crate::{
    config::{Layout, SeriesConfig},
    recording::{Catalogue, Recording},
};

/// The most rows that are gathered, 24 bytes each.
const MAX_ROWS: usize = 1 << 25;

/// The columns of a long table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Columns {
    /// Time.
    pub time: Option<usize>,
    name: usize,
    value: usize,
    label: Option<usize>,
    group: Option<usize>,
}

/// The columns, if the table is in the long layout: `time`, one of `variable`, `channel`, `sensor`, `tag`, `signal`,
/// and `value`.
pub fn columns(head: &Head, config: &SeriesConfig) -> std::result::Result<Option<Columns>, String> {
    if matches!(config.layout, Layout::Steps | Layout::Series) {
        return Ok(None);
    }
    let names = head.names();
    let place = |wanted: &str| names.iter().position(|n| n.trim().eq_ignore_ascii_case(wanted));
    let any = |words: &[&str]| words.iter().find_map(|w| place(w));
    let asked = |setting: &Option<String>, words: &[&str]| setting.as_deref().map_or_else(|| any(words), place);
    let time = asked(&config.time_column, &["time", "timestamp", "datetime", "date", "t", "ts"]);
    let name = any(&["variable", "channel", "sensor", "tag", "signal", "metric"]).filter(|c| !is_numeric(head, *c));
    let value = any(&["value", "reading", "measurement"]).filter(|c| is_numeric(head, *c));
    match (time, name, value) {
        (Some(time), Some(name), Some(value)) => {
            let label = asked(&config.label_column, &["label", "class"]);
            let group = asked(&config.group_column, &["group", "machine", "engine", "subject", "recording"]);
            Ok(Some(Columns { time: Some(time), name, value, label, group }))
        }
        _ if config.layout == Layout::Long => Err(format!(
            "layout = \"long\" needs a time, a column variable, channel, sensor, tag or signal, and a column value; \
             found: {}",
            names.join(", ")
        )),
        _ => Ok(None),
    }
}

#[derive(Clone, Copy)]
struct Cell {
    time: f64,
    channel: u32,
    value: f32,
    label: Option<u32>,
}

/// Reads all rows.
pub fn read(
    entry: &Entry,
    columns: Columns,
    rows: &mut impl Rows,
    seconds: bool,
    config: &SeriesConfig,
    catalogue: &mut Catalogue,
) -> Result<()> {
    let file = |reason: String| Error::file(&entry.path, reason);
    let mut groups: BTreeMap<String, Vec<Cell>> = BTreeMap::new();
    let mut channels: BTreeMap<String, u32> = BTreeMap::new();
    let mut count = 0;
    while rows.advance().map_err(file)? {
        rows.check().map_err(file)?;
        let wrong = |what: &str| file(format!("{}: there is no {what}", rows.place()));
        let time =
            columns.time.and_then(|c| rows.time(c)).filter(|t| t.is_finite()).ok_or_else(|| wrong("time stamp"))?;
        let name = rows.text(columns.name).ok_or_else(|| wrong("name of a channel"))?;
        let value = rows.number(columns.value).ok_or_else(|| wrong("number in the column value"))?;
        if !config.columns.is_empty() && !config.columns.iter().any(|c| c.eq_ignore_ascii_case(&name)) {
            continue;
        }
        let next = channels.len() as u32;
        let channel = *channels.entry(name.into_owned()).or_insert(next);
        let label = columns.label.and_then(|c| rows.text(c)).map(|text| catalogue.word(&text));
        let group = columns.group.and_then(|c| rows.text(c)).map_or_else(String::new, |t| t.trim().to_string());
        groups.entry(group).or_default().push(Cell { time, channel, value, label });
        count += 1;
        if count > MAX_ROWS {
            return Err(file(format!("more than {MAX_ROWS} values in the long layout; export one column a channel")));
        }
    }
    if let Some(absent) = config.columns.iter().find(|c| !channels.keys().any(|n| n.eq_ignore_ascii_case(c))) {
        let found: Vec<&str> = channels.keys().map(String::as_str).collect();
        return Err(file(format!("there is no channel \"{absent}\"; found: {}", found.join(", "))));
    }
    if count == 0 {
        return Err(file("there is no row of values".into()));
    }
    // Channels in the order of their names, whatever row came first.
    let places: BTreeMap<u32, usize> = channels.values().copied().zip(0..).collect();
    let names: std::sync::Arc<[String]> = channels.into_keys().collect();
    for (group, mut cells) in groups {
        cells.sort_by(|a, b| a.time.total_cmp(&b.time));
        let mut recording = Recording::of(entry, names.clone());
        if !group.is_empty() {
            recording.id = format!("{}:{group}", entry.id);
            recording.group = Some(group);
        }
        let mut writer = Writer::begin(catalogue, recording, config.resample, seconds);
        let mut row = vec![f32::NAN; names.len()];
        for moment in cells.chunk_by(|a, b| a.time == b.time) {
            row.fill(f32::NAN);
            let mut mark = Mark::default();
            for cell in moment {
                if let Some(place) = places.get(&cell.channel) {
                    row[*place] = cell.value;
                }
                mark.time = Some(cell.time);
                mark.label = columns.label.map(|_| mark.label.flatten().or(cell.label));
            }
            writer.push(&row, mark)?;
        }
        writer.finish()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read;

    fn read_text(text: &str, config: &SeriesConfig) -> Result<Catalogue> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f.csv");
        std::fs::write(&path, text).unwrap();
        let mut catalogue = Catalogue::new(1 << 20);
        read::read(&Entry::new("f.csv", &path), config, None, &mut catalogue).map(|()| catalogue)
    }

    const TEXT: &str = "time,tag,value\n2,b,20\n1,a,1\n1,b,10\n2,a,2\n3,a,3\n";

    #[test]
    fn values_in_any_order_become_one_row_a_time_stamp() {
        let catalogue = read_text(TEXT, &SeriesConfig::default()).unwrap();
        assert_eq!(&*catalogue.recordings[0].channels, ["a", "b"]);
        let mut values = [0.0; 6];
        catalogue.store.read(0, &mut values).unwrap();
        assert_eq!(values[..5], [1.0, 10.0, 2.0, 20.0, 3.0]);
        assert!(values[5].is_nan());
    }

    #[test]
    fn groups_are_recordings_and_columns_choose_channels() {
        let config = SeriesConfig { columns: vec!["B".into()], ..SeriesConfig::default() };
        let text = "machine,t,sensor,value,label\nm2,1,b,5,x\nm1,1,b,6,y\nm1,1,a,7,y\n";
        let catalogue = read_text(text, &config).unwrap();
        let found: Vec<_> = catalogue.recordings.iter().map(|r| (r.id.as_str(), r.rows, r.label.as_deref())).collect();
        assert_eq!(found, [("f.csv:m1", 1, Some("y")), ("f.csv:m2", 1, Some("x"))]);
        let config = SeriesConfig { columns: vec!["z".into()], ..SeriesConfig::default() };
        assert!(read_text(TEXT, &config).unwrap_err().to_string().contains("no channel \"z\"; found: "));
    }

    #[test]
    fn what_is_asked_for_must_be_there() {
        let config = SeriesConfig { layout: Layout::Long, ..SeriesConfig::default() };
        assert!(read_text("a,b\n1,2\n", &config).unwrap_err().to_string().contains("layout = \"long\" needs"));
        let message = read_text("time,tag,value\n1,a,1\nsoon,a,2\n", &config).unwrap_err().to_string();
        assert!(message.contains("line 3: there is no time stamp"), "{message}");
    }
}
