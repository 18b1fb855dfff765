//! Numbers of bank accounts: a country, its length, and a remainder of 1 by 97.

use std::ops::Range;

/// Countries, and how many characters their numbers have.
const LENGTHS: &str = "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 \
     EG29 ES24 FI18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 \
     LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 \
     SA24 SC31 SD18 SE24 SI19 SK24 SM27 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20";

/// The numbers of `text`.
pub(super) fn scan(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let (mut found, mut at) = (Vec::new(), 0);
    while at + 15 <= bytes.len() {
        let begins = bytes[at].is_ascii_alphabetic() && bytes[at + 2].is_ascii_digit();
        let end = if begins && alone(&text[..at]) { end(&bytes[at..]) } else { None };
        at += match end {
            Some(length) if !text[at + length..].starts_with(char::is_alphanumeric) => {
                found.push(at..at + length);
                length
            }
            // The next character: letters of other scripts have more bytes.
            _ => (1..4).find(|step| text.is_char_boundary(at + step)).unwrap_or(4),
        };
    }
    found
}

/// True if no word runs on from `before`.
fn alone(before: &str) -> bool {
    !before.ends_with(|c: char| c.is_alphanumeric() || c == '_')
}

/// Where the number ends that `bytes` begin with, if they do.
fn end(bytes: &[u8]) -> Option<usize> {
    let wanted = length(bytes)?;
    let (mut at, mut seen, mut rest, mut head) = (0, 0, 0u32, [0u8; 4]);
    while seen < wanted {
        // It is written in one or in groups of four.
        if seen > 0 && seen % 4 == 0 && matches!(bytes.get(at), Some(b' ' | b'-')) {
            at += 1;
        }
        let byte = bytes.get(at)?.to_ascii_uppercase();
        if !byte.is_ascii_alphanumeric() {
            return None;
        }
        match head.get_mut(seen) {
            Some(place) => *place = byte,
            None => rest = push(rest, byte),
        }
        at += 1;
        seen += 1;
    }
    // The first four characters count as the last.
    (head.into_iter().fold(rest, push) == 1).then_some(at)
}

/// The remainder by 97 of a number that goes on with `byte`; letters count from ten.
fn push(rest: u32, byte: u8) -> u32 {
    match byte {
        b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
        _ => (rest * 100 + u32::from(byte.saturating_sub(b'A')) + 10) % 97,
    }
}

/// Characters that the number has, by its country.
fn length(bytes: &[u8]) -> Option<usize> {
    let [a, b, c, d, ..] = bytes else { return None };
    if !c.is_ascii_digit() || !d.is_ascii_digit() {
        return None;
    }
    let country = [a.to_ascii_uppercase(), b.to_ascii_uppercase()];
    let entry = LENGTHS.split(' ').find(|entry| entry.as_bytes().starts_with(&country))?;
    entry.get(2..)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        scan(text).into_iter().map(|r| &text[r]).collect()
    }

    // The examples of the registry of IBANs.
    #[test]
    fn valid_numbers_are_found_in_one_and_in_groups() {
        let valid = [
            "DE89370400440532013000",
            "GB29 NWBK 6016 1331 9268 19",
            "FR1420041010050500013M02606",
            "NO93 8601 1117 947",
            "CH93-0076-2011-6238-5295-7",
            "MT84MALT011000012345MTLCAST001S",
            "nl91 abna 0417 1643 00",
        ];
        for iban in valid {
            assert_eq!(found(&format!("an {iban}, paid")), [iban]);
            assert_eq!(found(iban), [iban]);
        }
    }

    #[test]
    fn wrong_digits_lengths_and_countries_are_not() {
        let wrong = [
            "DE89370400440532013001",
            "DE8937040044053201300",
            "DE893704004405320130000",
            "XX89370400440532013000",
            "DE89 370 400 440 532 013 000",
            "ADE89370400440532013000",
            "ÄDE89370400440532013000",
            "DE89370400440532013000ä",
        ];
        for text in wrong {
            assert!(found(text).is_empty(), "{text}");
        }
    }
}
