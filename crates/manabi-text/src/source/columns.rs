//! Which columns of a table hold what, by their names.

use crate::config::TextConfig;

/// Names of columns of texts; the first one that is there is taken.
const TEXTS: [&str; 14] = [
    "text",
    "sentence",
    "content",
    "body",
    "review",
    "comment",
    "message",
    "tweet",
    "document",
    "abstract",
    "question",
    "headline",
    "title",
    "description",
];
/// Names of columns of both texts of a pair.
const PAIRS: [(&str, &str); 8] = [
    ("sentence1", "sentence2"),
    ("sentence_1", "sentence_2"),
    ("text1", "text2"),
    ("text_1", "text_2"),
    ("text_a", "text_b"),
    ("question1", "question2"),
    ("premise", "hypothesis"),
    ("first", "second"),
];
const LABELS: [&str; 7] = ["label", "class", "category", "target", "sentiment", "topic", "intent"];
const SCORES: [&str; 3] = ["score", "similarity", "similarity_score"];
const GROUPS: [&str; 1] = ["group"];

/// The columns of a table by what they hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Columns {
    /// Texts, joined by a space.
    pub texts: Vec<usize>,
    /// The second text of a pair.
    pub second: Option<usize>,
    /// The label.
    pub label: Option<usize>,
    /// The number to be predicted.
    pub score: Option<usize>,
    /// The group.
    pub group: Option<usize>,
    /// The official split.
    pub split: Option<usize>,
    /// True where a backslash stands for the end of a line, as in AG News.
    pub backslash: bool,
}

impl Columns {
    /// All columns that are of use.
    pub fn used(&self) -> impl Iterator<Item = usize> {
        let others = [self.second, self.label, self.score, self.group, self.split];
        self.texts.iter().copied().chain(others.into_iter().flatten())
    }

    /// The last column that a row needs to have.
    pub fn last_text(&self) -> Option<usize> {
        self.texts.iter().chain(&self.second).max().copied()
    }
}

/// The columns called `names`; `None` if none of them is one of texts.
///
/// # Errors
/// If a column that the settings name is not there.
pub(super) fn named(names: &[String], config: &TextConfig) -> Result<Option<Columns>, String> {
    let place = |wanted: &str| names.iter().position(|n| n.trim().eq_ignore_ascii_case(wanted.trim()));
    let any = |words: &[&str]| words.iter().find_map(|w| place(w));
    let asked = |setting: &Option<String>, key: &str| match setting {
        Some(name) => match place(name) {
            Some(column) => Ok(Some(column)),
            None => Err(format!("there is no column \"{name}\" ({key}); found: {}", names.join(", "))),
        },
        None => Ok(None),
    };
    let text = asked(&config.text_column, "text_column")?;
    let second = asked(&config.second_column, "second_column")?;
    let pair = PAIRS.iter().find_map(|(first, second)| Some((place(first)?, place(second)?)));
    let (texts, second) = match (text, second, pair) {
        (Some(text), second, _) => (vec![text], second),
        (None, None, Some((first, second))) => (vec![first], Some(second)),
        (None, Some(second), Some((first, _))) if first != second => (vec![first], Some(second)),
        (None, second, _) => {
            let mut texts: Vec<usize> = any(&TEXTS).filter(|c| Some(*c) != second).into_iter().collect();
            // A title and a description are one text.
            if let (Some(title), Some(description)) = (place("title"), place("description"))
                && texts == [title]
            {
                texts.push(description);
            }
            (texts, second)
        }
    };
    let taken = |column: &usize| texts.contains(column) || second == Some(*column);
    let role = |setting: Option<usize>, words: &[&str]| setting.or_else(|| any(words)).filter(|c| !taken(c));
    let columns = Columns {
        label: role(asked(&config.label_column, "label_column")?, &LABELS),
        group: role(asked(&config.group_column, "group_column")?, &GROUPS),
        score: role(asked(&config.score_column, "score_column")?, &SCORES),
        split: role(None, &["split"]),
        texts: texts.clone(),
        second,
        backslash: false,
    };
    Ok((!columns.texts.is_empty()).then_some(columns))
}

/// What to say of a table whose column of texts is not known.
pub(super) fn no_text(found: &[String]) -> String {
    let shown: Vec<String> = found.iter().take(12).map(|f| f.chars().take(40).collect()).collect();
    format!("no column of texts; name it with text_column; the first row is: {}", shown.join(" | "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(names: &[&str], config: &TextConfig) -> Result<Option<Columns>, String> {
        named(&names.iter().map(|n| (*n).to_string()).collect::<Vec<_>>(), config)
    }

    #[test]
    fn columns_are_known_by_their_names() {
        let config = TextConfig::default();
        let columns = found(&["id", "Title", "description", "class", "split"], &config).unwrap().unwrap();
        assert_eq!((columns.texts, columns.label, columns.split), (vec![1, 2], Some(3), Some(4)));
        let columns = found(&["id", "title", "text"], &config).unwrap().unwrap();
        assert_eq!((columns.texts, columns.label, columns.score), (vec![2], None, None));
        let columns = found(&["score", "sentence1", "sentence2", "label"], &config).unwrap().unwrap();
        assert_eq!((columns.texts, columns.second, columns.score), (vec![1], Some(2), Some(0)));
        assert_eq!(found(&["a", "b"], &config).unwrap(), None);
    }

    #[test]
    fn settings_come_first_and_must_be_there() {
        let config =
            TextConfig { text_column: Some("topic".into()), label_column: Some("b".into()), ..TextConfig::default() };
        let columns = found(&["text", "topic", "b"], &config).unwrap().unwrap();
        assert_eq!((columns.texts, columns.label), (vec![1], Some(2)));
        let message = found(&["text", "topic"], &config).unwrap_err();
        assert_eq!(message, "there is no column \"b\" (label_column); found: text, topic");
        let config = TextConfig { second_column: Some("answer".into()), ..TextConfig::default() };
        let columns = found(&["question", "answer"], &config).unwrap().unwrap();
        assert_eq!((columns.texts, columns.second), (vec![0], Some(1)));
    }
}
