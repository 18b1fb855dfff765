//! Masks personal data, so that no model learns it by heart.

use std::borrow::Cow;

use super::personal::{Found, find};

/// `text` with a mark, such as `[EMAIL]`, in the place of each finding; as it is where nothing is found.
pub fn redact(text: &str) -> Cow<'_, str> {
    let found = find(text);
    if found.is_empty() {
        return Cow::Borrowed(text);
    }
    let (mut masked, mut end) = (String::with_capacity(text.len()), 0);
    for Found { kind, range } in found {
        masked.push_str(&text[end..range.start]);
        masked.push_str(kind.mark());
        end = range.end;
    }
    masked.push_str(&text[end..]);
    Cow::Owned(masked)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn findings_are_replaced_by_marks() {
        let text = "Jo <jo@x.org>, +49 30 1234567, 4111-1111-1111-1111, DE89370400440532013000, 10.0.0.7 on 2020-03-09";
        assert_eq!(redact(text), "Jo <[EMAIL]>, [PHONE], [CARD], [IBAN], [IP] on 2020-03-09");
        assert!(matches!(redact("Nothing here but 12 eggs and 2020-03-09."), Cow::Borrowed(_)));
    }

    #[test]
    fn what_a_mark_lays_bare_is_masked_too() {
        for text in ["x@y.com-DE89370400440532013000", "10.0.0.7-DE89370400440532013000", "a@b.cc-a@b.cc-a@b.com"] {
            let once = redact(text);
            assert_eq!(redact(&once), once, "{text}");
        }
    }

    /// Pieces of which findings and their neighbours are made.
    fn hard() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            "[0-9]{1,5}",
            "[-+ ./()@:x\\[\\]]{1,2}",
            "[a-zA-Zä联]{1,3}",
            Just("jo@x.org".to_string()),
            Just("+49 30 1234567".to_string()),
            Just("212-555-1234".to_string()),
            Just("4111 1111 1111 1111".to_string()),
            Just("DE89370400440532013000".to_string()),
            Just("192.168.0.1".to_string()),
            Just("tel ".to_string()),
            Just("version ".to_string()),
        ];
        proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn masking_twice_is_masking_once_and_nothing_is_left(text in hard()) {
            let once = redact(&text);
            prop_assert_eq!(&find(&once), &[]);
            prop_assert!(matches!(redact(&once), Cow::Borrowed(_)));
        }

        #[test]
        fn any_text_is_taken_and_one_without_findings_is_not_copied(text in "\\PC{0,300}") {
            let masked = redact(&text);
            prop_assert_eq!(find(&text).is_empty(), matches!(masked, Cow::Borrowed(_)));
        }
    }
}
