//! Languages in Latin letters, by the evidence of their words, triples of letters and accents.

use std::{collections::HashMap, sync::LazyLock};

use super::lists::KNOWN;

const LANGUAGES: usize = KNOWN.len();
/// Fewest words of letters by which a language is told.
const FEWEST: usize = 3;
/// A triple counts so much of a word.
const TRIPLE: f32 = 0.25;
/// And a letter beyond the 26 so much.
const LETTER: f32 = 0.5;
/// Least evidence in all, and for each word.
const LEAST: f32 = 1.0;
const EACH: f32 = 0.12;
/// The winner has so much more than the next.
const AHEAD: f32 = 1.06;

/// Which languages list a word or a triple, as bits.
type Listed<K> = HashMap<K, u32>;

struct Tables {
    words: Listed<&'static str>,
    triples: Listed<[char; 3]>,
    letters: Listed<char>,
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let mut tables = Tables { words: HashMap::new(), triples: HashMap::new(), letters: HashMap::new() };
    for (bit, known) in KNOWN.iter().enumerate() {
        for word in known.words.split_whitespace() {
            *tables.words.entry(word).or_default() |= 1 << bit;
        }
        for letter in known.letters.chars() {
            *tables.letters.entry(letter).or_default() |= 1 << bit;
        }
        for triple in known.triples.split_whitespace() {
            let mut letters = triple.chars();
            if let (Some(a), Some(b), Some(c)) = (letters.next(), letters.next(), letters.next()) {
                *tables.triples.entry([a, b, c]).or_default() |= 1 << bit;
            }
        }
    }
    tables
});

/// Gives `weight` to the languages of `listed`, in equal parts.
fn share(scores: &mut [f32; LANGUAGES], listed: Option<&u32>, weight: f32) {
    let listed = listed.copied().unwrap_or(0);
    let part = weight / listed.count_ones().max(1) as f32;
    for (bit, score) in scores.iter_mut().enumerate() {
        if listed >> bit & 1 == 1 {
            *score += part;
        }
    }
}

/// The language of `text`; none if too little speaks for one, or as much for another.
pub(super) fn language(text: &str) -> Option<&'static str> {
    let tables = &*TABLES;
    let mut scores = [0.0f32; LANGUAGES];
    let mut words = 0;
    for word in text.split(|c: char| !c.is_alphabetic()).filter(|w| !w.is_empty()) {
        let word = word.to_lowercase();
        words += 1;
        share(&mut scores, tables.words.get(word.as_str()), 1.0);
        let mut last = ['_', '_', '_'];
        for c in word.chars().chain(['_']) {
            last = [last[1], last[2], c];
            share(&mut scores, tables.triples.get(&last), TRIPLE);
            if !c.is_ascii() {
                share(&mut scores, tables.letters.get(&c), LETTER);
            }
        }
    }
    let (best, score) = scores.iter().copied().enumerate().max_by(|a, b| a.1.total_cmp(&b.1))?;
    let second = scores.iter().enumerate().filter(|(i, _)| *i != best).map(|(_, s)| *s).fold(0.0, f32::max);
    let enough = words >= FEWEST && score >= LEAST.max(EACH * words as f32);
    if enough && score >= AHEAD * second { KNOWN.get(best).map(|k| k.code) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_told_apart() {
        let sentences = [
            ("en", "We left the house early in the morning, and there was nobody in the street yet."),
            ("en", "This film is much better than I had expected."),
            ("de", "Wir verließen das Haus früh am Morgen, und auf der Straße war noch niemand."),
            ("de", "Der Zug nach Bremen hat heute leider wieder Verspätung."),
            ("fr", "Nous sommes sortis de la maison tôt le matin, et il n'y avait encore personne dans la rue."),
            ("fr", "Ce livre est beaucoup plus intéressant que l'autre."),
            ("es", "Salimos de la casa muy temprano por la mañana y todavía no había nadie en la calle."),
            ("es", "El tren llegó tarde porque había nieve en las montañas."),
            ("it", "Siamo usciti di casa la mattina presto e per strada non c'era ancora nessuno."),
            ("it", "Questo libro è molto più bello di quello che ho letto ieri."),
            ("pt", "Saímos de casa muito cedo pela manhã e ainda não havia ninguém na rua."),
            ("pt", "O comboio chegou atrasado porque havia neve nas montanhas."),
            ("nl", "We verlieten het huis vroeg in de ochtend en er was nog niemand op straat."),
            ("nl", "Dit boek is veel beter dan ik had verwacht, maar het is wel erg lang."),
            ("sv", "Vi lämnade huset tidigt på morgonen och det var ännu ingen på gatan."),
            ("sv", "Den här boken är mycket bättre än jag hade trott."),
            ("da", "Vi forlod huset tidligt om morgenen, og der var endnu ingen på gaden."),
            ("da", "Jeg ved ikke, hvad der blev af ham efter krigen, men han kom aldrig hjem."),
            ("no", "Vi gikk hjemmefra tidlig om morgenen, og det var ennå ingen på gata."),
            ("no", "Jeg vet ikke hva som skjedde med ham etter krigen, men han kom aldri hjem."),
            ("fi", "Lähdimme talosta aikaisin aamulla, eikä kadulla ollut vielä ketään."),
            ("fi", "Tämä kirja on paljon parempi kuin olin odottanut."),
            ("pl", "Wyszliśmy z domu wcześnie rano i na ulicy nie było jeszcze nikogo."),
            ("pl", "Ta książka jest o wiele lepsza, niż się spodziewałem."),
            ("cs", "Vyšli jsme z domu brzy ráno a na ulici ještě nikdo nebyl."),
            ("cs", "Tato kniha je mnohem lepší, než jsem čekal, ale je také velmi dlouhá."),
            ("tr", "Sabah erkenden evden çıktık ve sokakta henüz kimse yoktu."),
            ("tr", "Bu kitap beklediğimden çok daha iyi ama biraz uzun."),
            ("ro", "Am plecat de acasă dimineața devreme și pe stradă nu era încă nimeni."),
            ("ro", "Această carte este mult mai bună decât mă așteptam."),
            ("hu", "Korán reggel indultunk el otthonról, és az utcán még nem volt senki."),
            ("hu", "Ez a könyv sokkal jobb, mint amire számítottam."),
            ("id", "Kami meninggalkan rumah pagi-pagi sekali dan belum ada orang di jalan."),
            ("id", "Buku ini jauh lebih baik dari yang saya harapkan."),
        ];
        for (code, text) in sentences {
            assert_eq!(language(text), Some(code), "{text}");
        }
    }

    #[test]
    fn names_and_code_are_no_language() {
        for text in ["Kraków Zürich", "foo(bar, baz) == qux", "qwerty asdfgh zxcvbn yuiop"] {
            assert_eq!(language(text), None, "{text}");
        }
    }
}
