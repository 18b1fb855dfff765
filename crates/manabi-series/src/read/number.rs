//! Numbers as tables write them: decimal point or comma, and the many words for "nothing was measured".

/// The value of a cell: `NaN` where it is missing, `None` where it is text.
///
/// With `comma` a comma is the decimal sign, and points before it part thousands. What no `f32` can hold
/// (`inf`, `1e300`) counts as missing.
pub fn number(cell: &[u8], comma: bool) -> Option<f32> {
    let value = wide(cell, comma)? as f32;
    Some(if value.is_finite() { value } else { f32::NAN })
}

/// The same in double precision, for time stamps.
pub fn wide(cell: &[u8], comma: bool) -> Option<f64> {
    let cell = cell.trim_ascii();
    if is_missing(cell) {
        return Some(f64::NAN);
    }
    // Letters that Rust's parser would take for numbers ("infinity") and that tables do not.
    if !cell.iter().any(u8::is_ascii_digit) {
        return matches!(cell.to_ascii_lowercase().as_slice(), b"inf" | b"+inf" | b"-inf").then_some(f64::NAN);
    }
    if !comma || !cell.contains(&b',') {
        return std::str::from_utf8(cell).ok()?.parse().ok();
    }
    // One decimal comma, and no point behind it: anything else is the other way of writing.
    let at = cell.iter().position(|b| *b == b',')?;
    if cell[at + 1..].iter().any(|b| matches!(b, b',' | b'.')) {
        return None;
    }
    let plain: Vec<u8> = cell.iter().filter(|b| **b != b'.').map(|b| if *b == b',' { b'.' } else { *b }).collect();
    std::str::from_utf8(&plain).ok()?.parse().ok()
}

/// True if the cell says that there is no value.
pub fn is_missing(cell: &[u8]) -> bool {
    const WORDS: [&[u8]; 8] = [b"nan", b"na", b"n/a", b"null", b"none", b"missing", b"#n/a", b"nil"];
    let cell = cell.trim_ascii();
    cell.is_empty() || cell == b"?" || cell == b"-" || WORDS.iter().any(|word| cell.eq_ignore_ascii_case(word))
}

/// The value of a flag: a number that is not 0, or a word for it.
pub fn flag(cell: &[u8], comma: bool) -> Option<bool> {
    let text = cell.trim_ascii().to_ascii_lowercase();
    match text.as_slice() {
        b"true" | b"yes" | b"y" | b"anomaly" | b"abnormal" | b"outlier" => Some(true),
        b"false" | b"no" | b"n" | b"normal" | b"ok" => Some(false),
        _ => number(cell, comma).map(|v| v != 0.0 && !v.is_nan()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_comma_that_parts_thousands_is_no_decimal_one() {
        assert_eq!((number(b"1,234.5", true), number(b"1,234,567", true)), (None, None));
        assert_eq!(number(b"1.234,5", true), Some(1234.5));
    }

    #[test]
    fn missing_values_and_decimal_commas_are_understood() {
        assert_eq!(number(b" 1.5e3 ", false), Some(1500.0));
        assert_eq!(number(b"1.234,5", true), Some(1234.5));
        assert_eq!(number(b"-0,25", true), Some(-0.25));
        assert_eq!(number(b"1.5", true), Some(1.5));
        assert_eq!(number(b"1,5", false), None);
        for missing in ["", " ", "?", "NaN", "NA", "n/a", "null", "inf", "-Inf", "1e300"] {
            assert!(number(missing.as_bytes(), false).is_some_and(f32::is_nan), "{missing}");
        }
        for text in ["walk", "1.5 V", "0x10", "infinity", "12:30", "\u{ff}"] {
            assert_eq!(number(text.as_bytes(), false), None, "{text}");
        }
    }

    #[test]
    fn flags_are_numbers_or_words() {
        assert_eq!(
            [flag(b"1.0", false), flag(b"0.0", false), flag(b"", false)],
            [Some(true), Some(false), Some(false)]
        );
        assert_eq!(
            [flag(b"True", false), flag(b"normal", false), flag(b"maybe", false)],
            [Some(true), Some(false), None]
        );
    }

    proptest! {
        #[test]
        fn every_number_is_read_back_with_either_sign(value in -1e30f32..1e30) {
            let text = value.to_string();
            prop_assert_eq!(number(text.as_bytes(), false), Some(value));
            prop_assert_eq!(number(text.replace('.', ",").as_bytes(), true), Some(value));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..24), comma: bool) {
            let _ = (number(&bytes, comma), flag(&bytes, comma));
        }
    }
}
