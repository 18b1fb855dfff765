//! Which script a text is in, and the languages that share one other than the Latin.

/// Fewest letters by which anything is told.
const FEWEST: usize = 4;

/// Scripts that are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Script {
    Latin,
    Cyrillic,
    Greek,
    Arabic,
    Hebrew,
    Devanagari,
    Thai,
    /// Chinese characters and the Japanese syllables.
    Han,
    Hangul,
}

const SCRIPTS: [Script; 9] = [
    Script::Latin,
    Script::Cyrillic,
    Script::Greek,
    Script::Arabic,
    Script::Hebrew,
    Script::Devanagari,
    Script::Thai,
    Script::Han,
    Script::Hangul,
];

/// How many letters of each script a text has.
#[derive(Debug, Default)]
pub(super) struct Letters {
    counts: [usize; SCRIPTS.len()],
    kana: usize,
    all: usize,
}

fn script(c: char) -> Option<Script> {
    Some(match c {
        'a'..='z' | 'A'..='Z' | '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' => Script::Latin,
        '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}' => Script::Greek,
        '\u{400}'..='\u{52f}' => Script::Cyrillic,
        '\u{590}'..='\u{5ff}' => Script::Hebrew,
        '\u{600}'..='\u{6ff}' | '\u{750}'..='\u{77f}' | '\u{fb50}'..='\u{fdff}' | '\u{fe70}'..='\u{fefe}' => {
            Script::Arabic
        }
        '\u{900}'..='\u{97f}' => Script::Devanagari,
        '\u{e00}'..='\u{e7f}' => Script::Thai,
        '\u{1100}'..='\u{11ff}' | '\u{3130}'..='\u{318f}' | '\u{ac00}'..='\u{d7a3}' => Script::Hangul,
        '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{20000}'..='\u{2ffff}' => {
            Script::Han
        }
        _ => return None,
    })
}

impl Letters {
    /// Counts the letters of `text`.
    pub fn of(text: &str) -> Self {
        let mut letters = Self::default();
        for c in text.chars().filter(|c| c.is_alphabetic()) {
            letters.all += 1;
            letters.kana += usize::from(('\u{3040}'..='\u{30ff}').contains(&c));
            if let Some(count) = script(c).and_then(|s| letters.counts.get_mut(s as usize)) {
                *count += 1;
            }
        }
        letters
    }

    /// The script that more than half of the letters are of.
    pub fn script(&self) -> Option<Script> {
        let (script, count) = SCRIPTS.into_iter().zip(self.counts).max_by_key(|(_, count)| *count)?;
        (self.all >= FEWEST && 2 * count > self.all).then_some(script)
    }

    /// Share of the Japanese syllables among Chinese and Japanese letters.
    pub fn kana_share(&self) -> f64 {
        let han = self.counts.get(Script::Han as usize).copied().unwrap_or(0);
        self.kana as f64 / han.max(1) as f64
    }
}

/// The Cyrillic language of `text`: by the letters that only one has, and by small words.
pub(super) fn cyrillic(text: &str) -> Option<&'static str> {
    let (mut ru, mut uk, mut bg) = (0, 0, 0);
    for c in text.chars().flat_map(char::to_lowercase) {
        match c {
            'ы' | 'э' | 'ё' => ru += 2,
            'і' | 'ї' | 'є' | 'ґ' => uk += 2,
            // A vowel in Bulgarian, in Russian as rare as can be.
            'ъ' => bg += 2,
            // Bulgarian has next to none.
            'ь' => (ru, uk) = (ru + 1, uk + 1),
            _ => {}
        }
    }
    for word in text.split(|c: char| !c.is_alphabetic()) {
        let word = word.to_lowercase();
        let ends = |with: &[&str]| i32::from(word.chars().count() > 4 && with.iter().any(|end| word.ends_with(end)));
        bg += ends(&["ите", "ият", "ата", "ята", "ото", "ане", "ния"]);
        ru += ends(&["ий", "ая", "ого", "ение", "ания", "ения"]);
        uk += ends(&["ння", "ого", "ати", "ити"]);
        match word.as_str() {
            "что" | "как" | "это" | "он" | "не" | "его" | "но" | "был" | "было" | "или" | "из" | "к" => {
                ru += 2
            }
            "що" | "та" | "як" | "це" | "він" | "було" | "або" | "його" | "й" | "з" | "від" => {
                uk += 2
            }
            "е" | "се" | "да" | "от" | "са" | "със" | "това" | "която" | "което" | "който" | "още" | "си" => {
                bg += 2
            }
            _ => {}
        }
    }
    // Shared words decide nothing against the letters.
    let scores = [("ru", ru), ("uk", uk), ("bg", bg)];
    let best = scores.into_iter().max_by_key(|(_, score)| *score)?;
    let second = scores.iter().filter(|s| s.0 != best.0).map(|s| s.1).max()?;
    (best.1 > second).then_some(best.0)
}

/// Persian has letters that Arabic has not.
pub(super) fn arabic(text: &str) -> &'static str {
    let letters = text.chars().filter(|c| script(*c) == Some(Script::Arabic)).count();
    let persian = text.chars().filter(|c| "پچژگکی".contains(*c)).count();
    if 50 * persian > letters { "fa" } else { "ar" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_of_most_letters_counts() {
        let of = |text: &str| Letters::of(text).script();
        assert_eq!(of("word слово слово"), Some(Script::Cyrillic));
        assert_eq!(of("word сло"), Some(Script::Latin));
        assert_eq!(of("wordслов"), None);
        assert_eq!((of("abc"), of("1234 5678")), (None, None));
        assert_eq!(of("ഒരു മലയാളം വാക്യം"), None);
    }
}
