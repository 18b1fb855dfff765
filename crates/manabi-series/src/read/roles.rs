//! What each column of a table is: time, label, group, flag, channel.

use std::sync::Arc;

use super::{clock::named_unit, dialect::Head, number::number, number::wide, time};
use crate::config::SeriesConfig;

/// Rows that a first column must rise through evenly to count as time.
const RISING: usize = 8;

/// Names that say something about the rows, whatever the settings take them for: no channel unless asked for by name.
const RESERVED: [&str; 12] = [
    "label",
    "class",
    "target",
    "group",
    "machine",
    "engine",
    "subject",
    "recording",
    "split",
    "anomaly",
    "is_anomaly",
    "outlier",
];

/// The columns of a table by what they hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Roles {
    /// Time, or date and time of day.
    pub time: Vec<usize>,
    /// Class.
    pub label: Option<usize>,
    /// Group.
    pub group: Option<usize>,
    /// Official split.
    pub split: Option<usize>,
    /// Whether a row is anomalous.
    pub flag: Option<usize>,
    /// A number to be regressed.
    pub target: Option<usize>,
    /// Channels.
    pub channels: Vec<usize>,
    /// Their names.
    pub names: Arc<[String]>,
    /// Columns of text that are none of these.
    pub left_out: Vec<String>,
    /// Columns of numbers that are named like a label, group or flag and are none: read as channels they could give the
    /// answer away.
    pub reserved: Vec<String>,
}

/// The roles of the columns of a table that begins with `head`.
pub fn roles(head: &Head, config: &SeriesConfig) -> Result<Roles, String> {
    let names = head.names();
    let place = |wanted: &str| names.iter().position(|n| n.trim().eq_ignore_ascii_case(wanted));
    let known = |words: &[&str]| words.iter().find_map(|w| place(w));
    let column = |setting: &Option<String>, words: &[&str]| match setting {
        Some(name) => place(name).map(Some).ok_or_else(|| missing(name, &names)),
        None => Ok(known(words)),
    };
    let mut found = Roles {
        label: column(&config.label_column, &["label", "class", "target"])?,
        group: column(&config.group_column, &["group", "machine", "engine", "subject", "recording"])?,
        target: column(&config.target_column, &[])?,
        split: known(&["split"]),
        flag: known(&["anomaly", "is_anomaly", "outlier"]),
        ..Roles::default()
    };
    if config.label_column.is_none()
        && found.label == place("target")
        && found.label.is_some_and(|c| fractions(head, c))
    {
        (found.target, found.label) = (found.target.or(found.label), None);
    }
    found.time = match &config.time_column {
        Some(name) => vec![place(name).ok_or_else(|| missing(name, &names))?],
        None => time_columns(head, &names),
    };
    let taken: Vec<usize> = [found.label, found.group, found.target, found.split, found.flag]
        .into_iter()
        .flatten()
        .chain(found.time.iter().copied())
        .chain(found.flag.and_then(|_| place("changepoint")))
        .collect();
    found.time.retain(|c| Some(*c) != found.label && Some(*c) != found.target && Some(*c) != found.group);
    if config.columns.is_empty() {
        for column in (0..names.len()).filter(|c| !taken.contains(c)) {
            let name = names[column].trim();
            if !is_numeric(head, column) {
                found.left_out.push(names[column].clone());
            } else if head.dialect.header.is_some() && RESERVED.iter().any(|word| name.eq_ignore_ascii_case(word)) {
                found.reserved.push(names[column].clone());
            } else {
                found.channels.push(column);
            }
        }
    } else {
        for name in &config.columns {
            found.channels.push(place(name).ok_or_else(|| missing(name, &names))?);
        }
    }
    if found.channels.is_empty() {
        return Err(format!("no column holds numbers to be read as a channel; columns: {}", names.join(", ")));
    }
    found.names = found.channels.iter().map(|c| names[*c].clone()).collect();
    Ok(found)
}

fn missing(name: &str, names: &[String]) -> String {
    format!("there is no column \"{name}\"; found: {}", names.join(", "))
}

/// True if at least half of the cells of the head are numbers or missing: a word among numbers is a mistake that
/// reading will name, a number among words is none.
pub fn is_numeric(head: &Head, column: usize) -> bool {
    let numbers = head.column(column).filter(|cell| number(cell.as_bytes(), head.dialect.comma).is_some()).count();
    2 * numbers >= head.column(column).count()
}

/// True if a column holds numbers that are not whole.
fn fractions(head: &Head, column: usize) -> bool {
    is_numeric(head, column)
        && head.column(column).any(|c| wide(c.as_bytes(), head.dialect.comma).is_some_and(|v| v.fract().abs() > 0.0))
}

fn time_columns(head: &Head, names: &[String]) -> Vec<usize> {
    let stamps = |c: usize| {
        let mut cells = head.column(c).filter(|cell| !cell.is_empty()).peekable();
        cells.peek().is_some() && cells.all(|cell| time::parse(cell.as_bytes()).is_some())
    };
    let named = |c: usize| {
        let name = names[c].trim().to_ascii_lowercase();
        matches!(name.as_str(), "time" | "timestamp" | "datetime" | "date" | "t" | "ts") || named_unit(&name).is_some()
    };
    let Some(first) = (0..names.len()).find(|c| stamps(*c)).or_else(|| {
        let by_name = (0..names.len()).find(|c| named(*c) && is_numeric(head, *c));
        by_name.or_else(|| (names.len() > 1 && rises(head)).then_some(0))
    }) else {
        return Vec::new();
    };
    let bare_date = stamps(first) && head.column(first).all(|cell| !cell.contains(':'));
    match first + 1 {
        second if bare_date && second < names.len() && stamps(second) => vec![first, second],
        _ => vec![first],
    }
}

/// True if the first column rises by the same step from row to row.
fn rises(head: &Head) -> bool {
    let values: Vec<f64> = head.column(0).filter_map(|c| wide(c.as_bytes(), head.dialect.comma)).collect();
    let step = values.get(1).zip(values.first()).map_or(0.0, |(b, a)| b - a);
    values.len() >= RISING.max(head.rows.len())
        && step > 0.0
        && values.windows(2).all(|w| ((w[1] - w[0]) / step - 1.0).abs() < 0.01)
}

#[cfg(test)]
mod tests {
    use super::{super::dialect, *};

    fn of(text: &str, config: &SeriesConfig) -> Result<Roles, String> {
        roles(&dialect::head(text.as_bytes(), true).unwrap(), config)
    }

    fn found(text: &str) -> Roles {
        of(text, &SeriesConfig::default()).unwrap()
    }

    #[test]
    fn columns_are_known_by_their_names_and_their_values() {
        let roles = found("datetime;A;B;note;anomaly;changepoint\n2020-03-09 10:14:33;1;2;ok;0;0\n");
        assert_eq!((roles.time, roles.flag, roles.channels), (vec![0], Some(4), vec![1, 2]));
        assert_eq!(roles.left_out, ["note"]);
        let roles = found("Date,Time,x,label,group,split\n2020-03-09,10:00:00,1,walk,m1,train\n");
        assert_eq!((roles.time, roles.label, roles.group, roles.split), (vec![0, 1], Some(3), Some(4), Some(5)));
        assert_eq!(&*roles.names, ["x"]);
    }

    #[test]
    fn a_first_column_that_rises_evenly_is_time_and_a_sensor_is_not() {
        let even: String = (0..20).map(|i| format!("{}.5,{}\n", i, i * i % 7)).collect();
        assert_eq!(found(&even).time, [0]);
        let uneven: String = (0..20).map(|i| format!("{},{}\n", i * i, i % 7)).collect();
        assert_eq!((found(&uneven).time, found(&uneven).channels), (vec![], vec![0, 1]));
    }

    #[test]
    fn a_target_of_fractions_is_regressed_and_one_of_words_is_a_class() {
        assert_eq!((found("x,target\n1,0.5\n2,1\n").target, found("x,target\n1,0.5\n").label), (Some(1), None));
        assert_eq!(found("x,target\n1,2\n2,1\n").label, Some(1));
    }

    #[test]
    fn a_second_label_is_no_channel_unless_it_is_asked_for() {
        let roles = found("t,a,label,class,target\n0,1,2,3,4\n1,5,6,7,8\n");
        assert_eq!((roles.label, roles.channels), (Some(2), vec![1]));
        assert_eq!(roles.reserved, ["class", "target"]);
        let config = SeriesConfig { label_column: Some("state".into()), ..SeriesConfig::default() };
        assert_eq!(of("a,label,state\n1,0,x\n2,1,y\n", &config).unwrap().channels, [0]);
        let config = SeriesConfig { columns: vec!["a".into(), "target".into()], ..SeriesConfig::default() };
        assert_eq!(of("a,label,target\n1,0,3\n", &config).unwrap().channels, [0, 2]);
    }

    #[test]
    fn a_column_that_is_asked_for_must_be_there() {
        let config = SeriesConfig { columns: vec!["b".into(), "z".into()], ..SeriesConfig::default() };
        assert_eq!(of("a,b\n1,2\n", &config).unwrap_err(), "there is no column \"z\"; found: a, b");
        let config = SeriesConfig { columns: vec!["B".into()], ..SeriesConfig::default() };
        assert_eq!(of("a,b\n1,2\n", &config).unwrap().channels, [1]);
        assert!(of("a,b\nx,y\n", &SeriesConfig::default()).unwrap_err().contains("no column holds numbers"));
    }
}
