//! Which language a text is in: by its script, and in Latin letters by its commonest words, triples of letters and accents.
//!
//! Each word of a language's list counts one, shared by the languages that list it; each triple counts a quarter, each
//! letter beyond the 26 a half. The language with most wins if it is clearly ahead and has enough for the length of the text.
//!
//! Cost: one look-up a word and one a letter of the first 1500 characters.

mod latin;
mod lists;
mod script;

use script::{Letters, Script};

/// Characters that are looked at.
const LOOKED_AT: usize = 1_500;

/// The language of `text` as an ISO 639-1 code; none if it cannot be told.
pub fn language(text: &str) -> Option<&'static str> {
    let start = text.char_indices().nth(LOOKED_AT).map_or(text, |(end, _)| &text[..end]);
    let letters = Letters::of(start);
    match letters.script()? {
        Script::Latin => latin::language(start),
        Script::Cyrillic => script::cyrillic(start),
        Script::Arabic => Some(script::arabic(start)),
        // Japanese mixes its syllables with Chinese characters.
        Script::Han => Some(if letters.kana_share() > 0.05 { "ja" } else { "zh" }),
        Script::Hangul => Some("ko"),
        Script::Greek => Some("el"),
        Script::Hebrew => Some("he"),
        Script::Devanagari => Some("hi"),
        Script::Thai => Some("th"),
    }
}

/// The English name of a language that [`language()`] gives.
pub fn language_name(code: &str) -> &'static str {
    match code {
        "ar" => "Arabic",
        "bg" => "Bulgarian",
        "cs" => "Czech",
        "da" => "Danish",
        "de" => "German",
        "el" => "Greek",
        "en" => "English",
        "es" => "Spanish",
        "fa" => "Persian",
        "fi" => "Finnish",
        "fr" => "French",
        "he" => "Hebrew",
        "hi" => "Hindi",
        "hu" => "Hungarian",
        "id" => "Indonesian",
        "it" => "Italian",
        "ja" => "Japanese",
        "ko" => "Korean",
        "nl" => "Dutch",
        "no" => "Norwegian",
        "pl" => "Polish",
        "pt" => "Portuguese",
        "ro" => "Romanian",
        "ru" => "Russian",
        "sv" => "Swedish",
        "th" => "Thai",
        "tr" => "Turkish",
        "uk" => "Ukrainian",
        "zh" => "Chinese",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn languages_of_other_scripts_are_told() {
        let texts = [
            ("el", "Η θάλασσα ήταν ήρεμη και ο ήλιος έδυε πίσω από τα βουνά."),
            ("ru", "Мы вышли из дома рано утром, и на улице ещё никого не было."),
            ("ru", "Он не знал, что это было так просто."),
            ("uk", "Ми вийшли з дому рано вранці, і на вулиці ще нікого не було."),
            ("bg", "Излязохме от къщи рано сутринта и на улицата още нямаше никого."),
            ("bg", "Това е книгата, за която говорихме вчера с приятелите си."),
            ("zh", "我们早上很早就出门了,街上还没有人。"),
            ("ja", "朝早く家を出たので、通りにはまだ誰もいなかった。"),
            ("ja", "カタカナだけのテキスト"),
            ("ko", "우리는 아침 일찍 집을 나섰고 거리에는 아직 아무도 없었다."),
            ("ar", "خرجنا من البيت في الصباح الباكر ولم يكن هناك أحد في الشارع."),
            ("fa", "ما صبح زود از خانه بیرون آمدیم و هنوز کسی در خیابان نبود که بگوید چه شده."),
            ("he", "יצאנו מהבית מוקדם בבוקר, וברחוב עוד לא היה אף אחד."),
            ("hi", "हम सुबह जल्दी घर से निकले और सड़क पर अभी कोई नहीं था।"),
            ("th", "เราออกจากบ้านแต่เช้าตรู่ และยังไม่มีใครอยู่บนถนน"),
        ];
        for (code, text) in texts {
            assert_eq!(language(text), Some(code), "{text}");
            assert_ne!(language_name(code), "other");
        }
    }

    #[test]
    fn what_has_too_little_is_unknown() {
        for text in ["", "12345", "ok", "x = y + 1;", "...", "ACGTACGTACGT", "Bonn", "да"] {
            assert_eq!(language(text), None, "{text}");
        }
    }

    #[test]
    fn a_few_foreign_words_do_not_change_the_language() {
        let text = "The word Θάλασσα means sea, and the Russian море means the same thing.";
        assert_eq!(language(text), Some("en"));
    }

    proptest! {
        #[test]
        fn any_text_is_taken(text in "\\PC{0,200}") {
            if let Some(code) = language(&text) {
                prop_assert_ne!(language_name(code), "other");
            }
        }
    }
}
