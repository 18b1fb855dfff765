//! The inventory of a dataset of texts, and how a report tells it.

use super::{language::language_name, personal::Kind, redact::redact};

/// Shares below this are not told.
const LEAST_SHARE: f64 = 0.01;
/// Most languages that are told.
const LANGUAGES: usize = 5;
/// Longer ids are cut at the front, in characters: two of them fit in a line.
const ID: usize = 22;

/// How long texts are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lengths {
    /// The shortest.
    pub shortest: usize,
    /// Half of all are no longer.
    pub median: usize,
    /// 95 of 100 are no longer.
    pub most: usize,
    /// The longest.
    pub longest: usize,
}

impl Lengths {
    /// Of these lengths, in any order.
    pub(super) fn of(mut lengths: Vec<usize>) -> Self {
        lengths.sort_unstable();
        let at = |share: usize| lengths.get(lengths.len().saturating_sub(1) * share / 100).copied().unwrap_or(0);
        Self { shortest: at(0), median: at(50), most: at(95), longest: at(100) }
    }

    fn told(self) -> String {
        match self {
            Self { shortest, longest, .. } if shortest == longest => grouped(longest as u64),
            Self { shortest, median, most, longest } => {
                let [a, b, c, d] = [shortest, median, most, longest].map(|n| grouped(n as u64));
                format!("{a} to {d}, median {b}, 95 % up to {c}")
            }
        }
    }
}

/// Groups of texts with the same content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alike {
    /// Number of groups of two or more.
    pub groups: usize,
    /// Texts in all of them.
    pub texts: usize,
    /// Ids of two texts of the first group.
    pub example: Option<(String, String)>,
}

impl Alike {
    fn told(&self) -> String {
        let groups = if self.groups == 1 { "group" } else { "groups" };
        match &self.example {
            Some((a, b)) => {
                let (texts, count) = (grouped(self.texts as u64), grouped(self.groups as u64));
                format!("{texts} texts in {count} {groups}, such as {} and {}", shown(a), shown(b))
            }
            None => "none".into(),
        }
    }
}

/// Those texts that have something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Those {
    /// How many.
    pub texts: usize,
    /// Which is the first.
    pub example: Option<String>,
}

/// What a dataset of texts is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Inventory {
    /// Texts that were looked at.
    pub texts: usize,
    /// Texts that there are.
    pub of: usize,
    /// Lengths in words.
    pub words: Lengths,
    /// Lengths in characters.
    pub characters: Lengths,
    /// Words of all texts together.
    pub all_words: u64,
    /// Different words, and whether that is exact.
    pub distinct_words: (u64, bool),
    /// Languages by their ISO 639-1 codes, and how many texts are in each, most first; none where it cannot be told.
    pub languages: Vec<(Option<&'static str>, usize)>,
    /// Texts that are equal but for capital letters and white space.
    pub equal: Alike,
    /// Texts that are nearly the same; of equal ones only the first counts.
    pub near: Alike,
    /// Texts with personal data of each kind that was found.
    pub personal: Vec<(Kind, Those)>,
    /// Texts with any personal data.
    pub with_personal: usize,
    /// Share of capitals among the letters.
    pub capitals: f64,
    /// Share of characters beyond ASCII.
    pub beyond_ascii: f64,
    /// Texts of fewer than three words.
    pub short: Those,
}

impl Inventory {
    /// The same as `(name, value)`, for a table.
    pub fn facts(&self) -> Vec<(String, String)> {
        let texts = grouped(self.texts as u64);
        let looked_at = match self.of > self.texts {
            true => format!("{}; {texts} spread over them were looked at", grouped(self.of as u64)),
            false => texts,
        };
        let (distinct, exact) = self.distinct_words;
        let about = if exact { "" } else { "about " };
        let mut facts = vec![
            ("texts".to_string(), looked_at),
            ("length, words".into(), self.words.told()),
            ("length, characters".into(), self.characters.told()),
            ("words".into(), format!("{}, {about}{} distinct", grouped(self.all_words), grouped(distinct))),
            ("languages".into(), self.told_languages()),
            ("equal texts".into(), self.equal.told()),
            ("near duplicates".into(), self.near.told()),
        ];
        facts.extend(self.personal.iter().map(|(kind, some)| (kind.name().into(), self.some(some))));
        let personal = match self.with_personal {
            0 => "none found".into(),
            n => format!("in {}; mask them with --redact", self.share(n)),
        };
        facts.extend([
            ("personal data".into(), personal),
            ("capitals".into(), format!("{} of the letters", percent(self.capitals))),
            ("not ASCII".into(), format!("{} of the characters", percent(self.beyond_ascii))),
            ("under 3 words".into(), self.some(&self.short)),
        ]);
        facts
    }

    /// `12 of 2000 texts`.
    fn share(&self, texts: usize) -> String {
        format!("{} of {} texts", grouped(texts as u64), grouped(self.texts as u64))
    }

    fn some(&self, some: &Those) -> String {
        match &some.example {
            Some(id) => format!("in {}, such as {}", self.share(some.texts), shown(id)),
            None => "none".into(),
        }
    }

    /// `English (en) 97.2 %, unknown 2.8 %`.
    fn told_languages(&self) -> String {
        let share = |count: usize| count as f64 / self.texts.max(1) as f64;
        let told = self.languages.iter().filter(|(_, count)| share(*count) >= LEAST_SHARE).take(LANGUAGES);
        let told = told.map(|(code, count)| match code {
            Some(code) => format!("{} ({code}) {}", language_name(code), percent(share(*count))),
            None => format!("unknown {}", percent(share(*count))),
        });
        told.collect::<Vec<_>>().join(", ")
    }
}

/// An id as it may be shown: personal data masked, and only the end of a long one.
fn shown(id: &str) -> String {
    let id = redact(id);
    match id.chars().count().checked_sub(ID) {
        Some(over) if over > 0 => format!("…{}", id.chars().skip(over + 1).collect::<String>()),
        _ => id.into_owned(),
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// A number whose thousands can be read: `12 345 678`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    if digits.len() < 5 {
        return digits;
    }
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_told_by_four_numbers_or_by_one() {
        assert_eq!(Lengths::of((1..=101).rev().collect()).told(), "1 to 101, median 51, 95 % up to 96");
        assert_eq!(Lengths::of(vec![7, 7]).told(), "7");
        assert_eq!(Lengths::of(vec![]), Lengths::default());
    }

    #[test]
    fn ids_are_masked_and_cut() {
        assert_eq!(shown("a/b.txt"), "a/b.txt");
        assert_eq!(shown("mail/jo@x.org"), "mail/[EMAIL]");
        let long = shown("a/very/long/path/to/some/file.txt");
        assert!(long.starts_with('…') && long.ends_with("to/some/file.txt") && long.chars().count() == ID, "{long}");
    }

    #[test]
    fn large_numbers_are_grouped() {
        assert_eq!([0, 1234, 12_345, 1_234_567].map(grouped), ["0", "1234", "12 345", "1 234 567"]);
    }
}
