//! Which rows are normal, which are scored, and which of these are truly anomalies.

use std::collections::BTreeSet;

use manabi_core::{
    Error, Result,
    data::{Record, Split, first_few},
};

use crate::study::parts::Parts;

/// Last words of a class name that say "normal".
const NORMAL: [&str; 5] = ["normal", "good", "ok", "free", "healthy"];
/// Words before one of these that say the opposite.
const NOT: [&str; 5] = ["not", "no", "non", "un", "ab"];

/// The rows of an anomaly detection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Task {
    /// Dataset rows that are fitted on.
    pub normal: Vec<usize>,
    /// Dataset rows that are scored, in the order of the dataset.
    pub rows: Vec<usize>,
    /// Which of `rows` are anomalies, where labels say so.
    pub truth: Option<Vec<bool>>,
    /// The normal class.
    pub class: Option<String>,
    /// The scored rows are the normal ones themselves: each is scored by a fit on others.
    pub same: bool,
    /// What the reader must know.
    pub notes: Vec<String>,
}

impl Task {
    /// Normal rows are the training rows of one class (`normal`, or the one that is called so); without any label all
    /// training rows. Scored are the test rows; where there are none, the training rows themselves.
    pub fn of(records: &[Record], classes: &[String], parts: &Parts, normal: Option<&str>) -> Result<Self> {
        if records.iter().all(|r| r.label.is_none()) {
            if let Some(name) = normal {
                return Err(Error::data(format!(
                    "--normal {name}: no row has a label; leave it out, and all training rows are taken as normal"
                )));
            }
            return Ok(Self::unlabelled(records));
        }
        let class = normal_class(classes, normal)?;
        let name = classes.get(class as usize).cloned().unwrap_or_default();
        let train: Vec<usize> = parts.train.iter().copied().filter(|&row| records[row].label == Some(class)).collect();
        let truth: Vec<bool> = parts.test.iter().map(|&row| records[row].label != Some(class)).collect();
        let mut notes = Vec::new();
        let anomalies = truth.iter().filter(|a| **a).count();
        if anomalies == 0 || anomalies == truth.len() {
            let kind = if anomalies == 0 { "normal" } else { "an anomaly" };
            notes.push(format!(
                "All {} test rows are {kind}: there is nothing to tell apart, so no AUROC can be taken.",
                truth.len()
            ));
        }
        Ok(Self { normal: train, rows: parts.test.clone(), truth: Some(truth), class: Some(name), same: false, notes })
    }

    fn unlabelled(records: &[Record]) -> Self {
        let test: Vec<usize> = (0..records.len()).filter(|&row| records[row].split == Some(Split::Test)).collect();
        let tested: BTreeSet<&str> = test.iter().filter_map(|&row| records[row].group.as_deref()).collect();
        let free = |r: &Record| r.split != Some(Split::Test) && r.group.as_deref().is_none_or(|g| !tested.contains(g));
        let train: Vec<usize> = (0..records.len()).filter(|&row| free(&records[row])).collect();
        let mut notes = vec![format!(
            "There are no labels: all {} training rows are taken as normal. Anomalies among them hide others like them.",
            train.len()
        )];
        let same = test.is_empty();
        if same {
            notes.push("There is no test part: every row is scored by a fit on four fifths of the others.".into());
        }
        Self { rows: if same { train.clone() } else { test }, normal: train, same, notes, ..Self::default() }
    }
}

/// The class that was named, or the only one whose name ends in a word for "normal" (`good`, `MT_Free`, `anomaly-free`).
fn normal_class(classes: &[String], named: Option<&str>) -> Result<u32> {
    let known = || first_few(classes);
    let find = |fits: &dyn Fn(&str) -> bool| -> Vec<u32> {
        (0u32..).zip(classes).filter(|(_, class)| fits(class)).map(|(i, _)| i).collect()
    };
    let found = match named {
        Some(name) => find(&|class| class == name),
        None => find(&says_normal),
    };
    match (found.as_slice(), named) {
        ([class], _) => Ok(*class),
        (_, Some(name)) => Err(Error::data(format!("--normal {name}: there is no such class; there are {}", known()))),
        ([], None) => Err(Error::data(format!(
            "no class is called {}; say which is the normal one with --normal CLASS: {}",
            NORMAL.join(", "),
            known()
        ))),
        (several, None) => {
            let names: Vec<&str> =
                several.iter().filter_map(|&c| classes.get(c as usize)).map(String::as_str).collect();
            Err(Error::data(format!("{} could all be the normal class; say which with --normal", names.join(", "))))
        }
    }
}

fn says_normal(class: &str) -> bool {
    let lower = class.to_lowercase();
    let mut words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect();
    let last = words.pop().unwrap_or_default();
    NORMAL.contains(&last) && !words.iter().any(|word| NOT.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(labels: &[Option<u32>]) -> Vec<Record> {
        let record = |(i, &label): (usize, &Option<u32>)| Record {
            id: i.to_string(),
            label,
            group: None,
            split: None,
            target: None,
        };
        labels.iter().enumerate().map(record).collect()
    }

    fn names(classes: &[&str]) -> Vec<String> {
        classes.iter().map(|c| (*c).to_string()).collect()
    }

    #[test]
    fn the_normal_class_is_found_by_its_last_word() {
        let class = |classes: &[&str]| normal_class(&names(classes), None).map_err(|e| e.to_string());
        assert_eq!(class(&["MT_Blowhole", "MT_Free"]), Ok(1));
        assert_eq!(class(&["OK", "not_ok"]), Ok(0));
        assert_eq!(class(&["anomaly-free", "valve1"]), Ok(0));
        assert_eq!(class(&["abnormal", "Normal"]), Ok(1));
        assert!(class(&["crack", "dent"]).unwrap_err().contains("--normal CLASS: crack, dent"));
        assert!(class(&["good", "ok"]).unwrap_err().contains("good, ok could all be"));
        let named = normal_class(&names(&["a", "b"]), Some("c")).unwrap_err().to_string();
        assert!(named.contains("--normal c") && named.contains("a, b"), "{named}");
        assert_eq!(normal_class(&names(&["a", "good"]), Some("a")).unwrap(), 0);
    }

    #[test]
    fn fitted_are_normal_training_rows_and_scored_are_test_rows() {
        let records = records(&[Some(0), Some(1), Some(0), Some(0), Some(1), None]);
        let parts = Parts { train: vec![0, 1, 2, 5], test: vec![3, 4], ..Parts::default() };
        let task = Task::of(&records, &names(&["good", "scratch"]), &parts, None).unwrap();
        assert_eq!((task.normal.clone(), task.rows.clone()), (vec![0, 2], vec![3, 4]));
        assert_eq!(task.truth.as_deref(), Some(&[false, true][..]));
        assert!(task.notes.is_empty() && !task.same);
    }

    #[test]
    fn a_test_part_of_one_kind_is_said_to_be_one() {
        let records = records(&[Some(0), Some(0), Some(0)]);
        let parts = Parts { train: vec![0, 1], test: vec![2], ..Parts::default() };
        let task = Task::of(&records, &names(&["good"]), &parts, None).unwrap();
        assert!(task.notes[0].contains("no AUROC"), "{:?}", task.notes);
    }

    #[test]
    fn without_labels_all_rows_are_normal_and_the_reader_is_told() {
        let mut records = records(&[None; 4]);
        let parts = Parts { train: vec![0, 1, 2, 3], ..Parts::default() };
        let task = Task::of(&records, &[], &parts, None).unwrap();
        assert!(task.same && task.rows == [0, 1, 2, 3] && task.truth.is_none() && task.notes.len() == 2);
        assert!(Task::of(&records, &[], &parts, Some("good")).unwrap_err().to_string().contains("no row has a label"));
        records[3].split = Some(Split::Test);
        records[3].group = Some("a".into());
        records[0].group = Some("a".into());
        let task = Task::of(&records, &[], &parts, None).unwrap();
        assert_eq!((task.normal, task.rows, task.same), (vec![1, 2], vec![3], false));
    }
}
