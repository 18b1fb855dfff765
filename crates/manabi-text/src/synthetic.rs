//! `synthetic-text`: texts of a made-up language, generated and never stored.
//!
//! Five topics have a hundred words each, which stand together in texts of their topic between words that every text
//! has. A text names a handful of its topic's words, so that two texts of one topic seldom share one: a few labels say
//! little of the words, and which words go together is what pre-training can find out.

use manabi_core::{
    Result,
    data::{Entry, Listing, MemorySource},
    rng::{Key, Purpose, Rng},
};

use crate::sample::{Sample, Text};

/// The name by which it is asked for.
pub const NAME: &str = "synthetic-text";

/// Sizes of the dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Texts.
    pub texts: usize,
    /// Topics, which are the classes.
    pub topics: usize,
    /// Words of a topic.
    pub words: usize,
    /// What everything is drawn from.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { texts: 3_000, topics: 5, words: 100, seed: 7 }
    }
}

/// Words that every text has.
const COMMON: usize = 60;
const ONSETS: [&str; 14] = ["b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z"];
const VOWELS: [&str; 5] = ["a", "e", "i", "o", "u"];

/// `count` different words of `syllables` syllables that are not in `taken`.
fn words(count: usize, syllables: usize, taken: &mut Vec<String>, rng: &mut Rng) -> Vec<String> {
    let mut made = Vec::with_capacity(count);
    while made.len() < count {
        let word: String = (0..syllables)
            .map(|_| format!("{}{}", ONSETS[rng.below(ONSETS.len())], VOWELS[rng.below(VOWELS.len())]))
            .collect();
        if !taken.contains(&word) {
            taken.push(word.clone());
            made.push(word);
        }
    }
    made
}

/// A word near the beginning of the list far more often than one near its end (Zipf's law, roughly).
fn pick<'a>(list: &'a [String], rng: &mut Rng) -> &'a str {
    let at = (list.len() as f32).powf(rng.uniform()) as usize;
    list.get(at.saturating_sub(1)).map_or("", String::as_str)
}

/// The texts with their topics, a pure function of the settings.
pub fn rows(settings: &Settings) -> Vec<(Entry, Text)> {
    let mut rng = Key::new(settings.seed, Purpose::Synthetic).rng();
    let mut taken = Vec::new();
    let common = words(COMMON, 1, &mut taken, &mut rng);
    let topics: Vec<Vec<String>> =
        (0..settings.topics.max(1)).map(|_| words(settings.words.max(1), 3, &mut taken, &mut rng)).collect();
    (0..settings.texts)
        .map(|number| {
            let mut rng = Key::new(settings.seed, Purpose::Synthetic).sample(number as u64 + 1).rng();
            let topic = number % topics.len();
            let length = 10 + rng.below(11);
            let mut text = String::new();
            for place in 0..length {
                let own = rng.chance(0.3);
                // One word in fifteen of a topic comes from another one.
                let from = if rng.chance(0.07) { rng.below(topics.len()) } else { topic };
                let word = match own {
                    true => topics[from][rng.below(topics[from].len())].as_str(),
                    false => pick(&common, &mut rng),
                };
                text.push_str(if place == 0 { "" } else { " " });
                text.push_str(word);
            }
            text.push('.');
            let id = format!("text {number}");
            (Entry { label: Some(format!("topic-{topic}")), ..Entry::new(id, NAME) }, Text { text, second: None })
        })
        .collect()
}

/// The dataset.
///
/// # Errors
/// None that its settings could cause.
pub fn dataset(settings: &Settings) -> Result<MemorySource<Sample>> {
    let (entries, texts): (Vec<_>, Vec<_>) = rows(settings).into_iter().unzip();
    let notes = vec!["generated texts of a made-up language".to_string()];
    MemorySource::new(Listing { entries, notes, ..Listing::default() }, texts.into_iter().map(Sample::Text).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_the_same_each_time_and_topics_share_few_words() {
        let settings = Settings { texts: 100, ..Settings::default() };
        let all = rows(&settings);
        assert_eq!(all, rows(&settings));
        assert_eq!(all.iter().filter(|(entry, _)| entry.label.as_deref() == Some("topic-3")).count(), 20);
        let long = |text: &str| text.split([' ', '.']).filter(|w| w.len() > 4).map(str::to_string).collect::<Vec<_>>();
        let (a, b) = (long(&all[0].1.text), long(&all[5].1.text));
        assert!(!a.is_empty() && !b.is_empty());
        assert!(all.iter().all(|(_, text)| (10..=20).contains(&text.text.split(' ').count())));
    }
}
