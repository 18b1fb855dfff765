//! Looks at the texts of a dataset, each in its turn: only sketches are kept.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use manabi_core::{Error, Result, data::Source};
use rayon::prelude::*;

use super::{
    distinct::Distinct,
    inventory::{Alike, Inventory, Lengths, Those},
    language::language,
    minhash::{Signature, hash, signature},
    near::near_duplicates,
    personal::{Kind, find},
};
use crate::sample::{Sample, Text};

/// Texts that are looked at of a larger dataset.
const MOST: usize = 200_000;
/// Texts that a thread takes at once.
const CHUNK: usize = 256;
/// Texts of fewer words are very short.
const SHORT: usize = 3;

/// What is kept of a text.
struct Seen {
    words: usize,
    characters: usize,
    letters: usize,
    capitals: usize,
    beyond_ascii: usize,
    language: Option<&'static str>,
    /// Of its content, without case and white space.
    content: u64,
    signature: Option<Signature>,
    /// Kinds of personal data in it, as bits.
    personal: u8,
}

/// Hash of the content: equal for texts that are equal but for capital letters and white space.
fn content(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    for word in text.split_whitespace() {
        word.chars().flat_map(char::to_lowercase).for_each(|c| c.hash(&mut hasher));
        ' '.hash(&mut hasher);
    }
    hasher.finish()
}

fn look(text: &Text, distinct: &mut Distinct) -> Seen {
    let joined = text.second.as_ref().map(|second| format!("{}\n{second}", text.text));
    let text = joined.as_deref().unwrap_or(&text.text);
    // A word is what stands between white space, less the signs around it.
    let words =
        text.split_whitespace().map(|w| w.trim_matches(|c: char| !c.is_alphanumeric())).filter(|w| !w.is_empty());
    words.clone().for_each(|word| distinct.insert(hash(word)));
    let count = |which: fn(&char) -> bool| text.chars().filter(which).count();
    Seen {
        words: words.count(),
        characters: text.chars().count(),
        letters: count(|c| c.is_alphabetic()),
        capitals: count(|c| c.is_uppercase()),
        beyond_ascii: count(|c| !c.is_ascii()),
        language: language(text),
        content: content(text),
        signature: signature(text),
        personal: find(text).iter().fold(0, |bits, found| bits | 1 << found.kind as u8),
    }
}

/// Looks at the texts of `source`, at 200 000 spread over all where there are more; `None` if there is none.
///
/// # Errors
/// If a text cannot be read.
pub fn inspect(source: &dyn Source<Sample>) -> Result<Option<Inventory>> {
    inspect_some(source, MOST)
}

fn inspect_some(source: &dyn Source<Sample>, most: usize) -> Result<Option<Inventory>> {
    let (of, texts) = (source.len(), source.len().min(most));
    if of == 0 {
        return Ok(None);
    }
    // `of / texts` may be no whole number; 128 bits hold any product.
    let row = |number: usize| (number as u128 * of as u128 / texts as u128) as usize;
    let starts: Vec<usize> = (0..texts).step_by(CHUNK).collect();
    let (seen, distinct) = starts
        .into_par_iter()
        .map(|start| {
            let mut distinct = Distinct::default();
            let seen = (start..texts.min(start + CHUNK)).map(|number| {
                let sample: Arc<Sample> = source.load(row(number))?;
                Ok(look(sample.text()?, &mut distinct))
            });
            let seen = seen.collect::<Result<Vec<Seen>>>()?;
            Ok::<_, Error>((seen, distinct))
        })
        .try_reduce(
            || (Vec::new(), Distinct::default()),
            |(mut seen, distinct), (more, other)| {
                seen.extend(more);
                Ok((seen, distinct.join(other)))
            },
        )?;
    let id = |number: usize| source.records().get(row(number)).map_or_else(String::new, |r| r.id.clone());
    Ok(Some(summary(&seen, &distinct, of, id)))
}

/// What all texts together are.
fn summary(seen: &[Seen], distinct: &Distinct, of: usize, id: impl Fn(usize) -> String) -> Inventory {
    let sum = |what: fn(&Seen) -> usize| seen.iter().map(what).sum::<usize>();
    let share = |part: usize, all: usize| part as f64 / all.max(1) as f64;
    let some = |which: &dyn Fn(&Seen) -> bool| Those {
        texts: seen.iter().filter(|s| which(s)).count(),
        example: seen.iter().position(which).map(&id),
    };
    let alike = |groups: &[Vec<usize>]| Alike {
        groups: groups.len(),
        texts: groups.iter().map(Vec::len).sum(),
        example: groups.first().and_then(|g| Some((id(*g.first()?), id(*g.get(1)?)))),
    };
    let mut by_content: HashMap<u64, Vec<usize>> = HashMap::new();
    let mut languages: HashMap<Option<&'static str>, usize> = HashMap::new();
    for (number, s) in seen.iter().enumerate() {
        by_content.entry(s.content).or_default().push(number);
        *languages.entry(s.language).or_default() += 1;
    }
    let mut languages: Vec<_> = languages.into_iter().collect();
    languages.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    // Of equal texts one is enough to be compared.
    let mut signatures: Vec<Option<Signature>> = seen.iter().map(|s| s.signature.clone()).collect();
    by_content.values().flat_map(|group| group.iter().skip(1)).for_each(|copy| signatures[*copy] = None);
    let mut equal: Vec<Vec<usize>> = by_content.into_values().filter(|group| group.len() > 1).collect();
    equal.sort_unstable();
    let of_kind = |kind: Kind| (kind, some(&|s| s.personal >> kind as u8 & 1 == 1));
    Inventory {
        texts: seen.len(),
        of,
        words: Lengths::of(seen.iter().map(|s| s.words).collect()),
        characters: Lengths::of(seen.iter().map(|s| s.characters).collect()),
        all_words: sum(|s| s.words) as u64,
        distinct_words: distinct.count(),
        languages,
        equal: alike(&equal),
        near: alike(&near_duplicates(&signatures)),
        personal: Kind::ALL.map(of_kind).into_iter().filter(|(_, some)| some.texts > 0).collect(),
        with_personal: seen.iter().filter(|s| s.personal > 0).count(),
        capitals: share(sum(|s| s.capitals), sum(|s| s.letters)),
        beyond_ascii: share(sum(|s| s.beyond_ascii), sum(|s| s.characters)),
        short: some(&|s| s.words < SHORT),
    }
}

#[cfg(test)]
mod tests {
    use manabi_core::data::{Entry, Listing, MemorySource};

    use super::*;

    fn source(texts: &[&str]) -> MemorySource<Sample> {
        let entries = (0..texts.len()).map(|i| Entry::new(format!("t{i}"), "")).collect();
        let samples = texts.iter().map(|t| Sample::Text(Text { text: (*t).into(), second: None })).collect();
        MemorySource::new(Listing { entries, ..Listing::default() }, samples).unwrap()
    }

    const LONG: &str = "The committee met on Tuesday evening in the old town hall and spoke for two hours about the new \
                        bridge over the river, which nobody wanted to pay for although everybody wanted to have it \
                        before the winter came and the ferry had to stop because of the ice on both banks.";

    #[test]
    fn copies_languages_and_personal_data_are_found() {
        let near = LONG.replace("Tuesday", "Friday");
        let texts = [
            LONG,
            "Please write to jo@x.org or call +49 30 1234567.",
            &near,
            "Hello",
            "please WRITE to jo@x.org\n or call +49 30 1234567. ",
            "Der Zug hatte wieder einmal Verspätung, und wir kamen erst nach dem Essen an.",
        ];
        let found = inspect(&source(&texts)).unwrap().unwrap();
        assert_eq!((found.texts, found.of, found.short.texts), (6, 6, 1));
        assert_eq!(found.languages, [(Some("en"), 4), (None, 1), (Some("de"), 1)]);
        assert_eq!(found.equal, Alike { groups: 1, texts: 2, example: Some(("t1".into(), "t4".into())) });
        assert_eq!(found.near, Alike { groups: 1, texts: 2, example: Some(("t0".into(), "t2".into())) });
        let kinds: Vec<_> = found.personal.iter().map(|(kind, some)| (*kind, some.texts)).collect();
        assert_eq!(kinds, [(Kind::Email, 2), (Kind::Phone, 2)]);
        let facts: HashMap<String, String> = found.facts().into_iter().collect();
        assert_eq!(facts["personal data"], "in 2 of 6 texts; mask them with --redact");
        assert_eq!(facts["e-mail addresses"], "in 2 of 6 texts, such as t1");
        assert_eq!(facts["near duplicates"], "2 texts in 1 group, such as t0 and t2");
        assert_eq!(facts["languages"], "English (en) 66.7 %, unknown 16.7 %, German (de) 16.7 %");
        assert_eq!(facts["under 3 words"], "in 1 of 6 texts, such as t3");
    }

    #[test]
    fn of_many_texts_some_are_looked_at_and_the_facts_say_so() {
        let texts: Vec<String> = (0..1_000).map(|i| format!("text number {i}")).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let found = inspect_some(&source(&texts), 300).unwrap().unwrap();
        assert_eq!((found.texts, found.of, found.all_words), (300, 1_000, 900));
        assert_eq!(found.distinct_words, (302, true));
        assert_eq!(found.facts()[0].1, "1000; 300 spread over them were looked at");
        assert!(inspect(&source(&[])).unwrap().is_none());
    }

    #[test]
    fn both_texts_of_a_pair_count() {
        let pair = |a: &str, b: &str| Sample::Text(Text { text: a.into(), second: Some(b.into()) });
        let listing = Listing { entries: vec![Entry::new("0", ""), Entry::new("1", "")], ..Listing::default() };
        let pairs = vec![pair("one two", "three jo@x.org"), pair("one two", "another")];
        let found = inspect(&MemorySource::new(listing, pairs).unwrap()).unwrap().unwrap();
        assert_eq!((found.all_words, found.equal.groups, found.with_personal), (7, 0, 1));
    }
}
