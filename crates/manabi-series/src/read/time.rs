//! Time stamps in seconds: dates, times of day, or both, in the forms that loggers write.

/// Seconds since 1970 of a date (with or without a time), or since midnight of a time of day; `None` for
/// anything else, plain numbers among it.
///
/// Read are `2020-03-09 10:14:33.25`, the same with `T`, `/` or `.`, a zone (`Z`, `+01:00`), `09.03.2020 …` (day
/// first), `03/09/2020 …` (month first, unless the first number exceeds 12) and `10:14[:33]`, also with AM and PM.
pub fn parse(cell: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(cell.trim_ascii()).ok()?;
    if !(4..=40).contains(&text.len()) || !text.as_bytes()[0].is_ascii_digit() {
        return None;
    }
    let (date, time) = match text.split_once(['T', ' ']) {
        Some((date, time)) if !date.contains(':') => (Some(date), Some(time.trim())),
        _ if text.contains(':') => (None, Some(text)),
        _ => (Some(text), None),
    };
    let days = date.map_or(Some(0), self::date)?;
    Some(days as f64 * 86_400.0 + time.map_or(Some(0.0), self::time)?)
}

/// Days since 1970.
fn date(text: &str) -> Option<i64> {
    let separator = text.chars().find(|c| matches!(c, '-' | '/' | '.'))?;
    let mut parts = text.split(separator);
    let (first, second, third) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let whole = |t: &str| t.bytes().all(|b| b.is_ascii_digit()).then(|| t.parse::<i64>().ok()).flatten();
    let (a, b, c) = (whole(first)?, whole(second)?, whole(third)?);
    let (year, month, day) = match (first.len(), third.len(), separator) {
        (4, 1..=2, _) => (a, b, c),
        (1..=2, 4, '/') if a <= 12 => (c, a, b),
        (1..=2, 4, _) => (c, b, a),
        _ => return None,
    };
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Days from civil, in years that begin in March.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * month + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

/// Seconds since midnight, in universal time where a zone is given.
fn time(text: &str) -> Option<f64> {
    let lower = text.to_ascii_lowercase();
    let (text, noon) = match (lower.strip_suffix("pm"), lower.strip_suffix("am")) {
        (Some(rest), _) => (rest.trim(), Some(true)),
        (_, Some(rest)) => (rest.trim(), Some(false)),
        _ => (lower.as_str(), None),
    };
    let (clock, zone) = match text.find(['+', '-', 'z']) {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let mut parts = clock.trim().split(':');
    let mut hours = field(parts.next()?, 24.0)?;
    let minutes = field(parts.next()?, 59.0)?;
    let seconds = parts.next().map_or(Some(0.0), |s| field(&s.replace(',', "."), 61.0))?;
    if parts.next().is_some() {
        return None;
    }
    if let Some(afternoon) = noon {
        hours = hours % 12.0 + if afternoon { 12.0 } else { 0.0 };
    }
    Some(hours * 3600.0 + minutes * 60.0 + seconds - offset(zone)?)
}

fn field(text: &str, most: f64) -> Option<f64> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    text.parse::<f64>().ok().filter(|v| plain && *v <= most)
}

/// `z`, `+01:00`, `-0530`, `+01` in seconds.
fn offset(zone: &str) -> Option<f64> {
    if zone.is_empty() || zone == "z" {
        return Some(0.0);
    }
    let (sign, rest) = zone.split_at(1);
    let digits: String = rest.chars().filter(|c| *c != ':').collect();
    let (hours, minutes) = match digits.len() {
        2 if digits.is_ascii() => (digits.as_str(), "0"),
        4 if digits.is_ascii() => digits.split_at(2),
        _ => return None,
    };
    let seconds = field(hours, 14.0)? * 3600.0 + field(minutes, 59.0)? * 60.0;
    Some(if sign == "-" { -seconds } else { seconds })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // python3: datetime(2020, 3, 9, 10, 14, 33, tzinfo=utc).timestamp() -> 1583748873.0
    const MOMENT: f64 = 1_583_748_873.0;

    #[test]
    fn one_moment_in_many_forms() {
        for text in [
            "2020-03-09 10:14:33",
            "2020-03-09T10:14:33Z",
            "2020-03-09T11:14:33+01:00",
            "2020-03-09 04:44:33-0530",
            "2020/03/09 10:14:33.000",
            "09.03.2020 10:14:33",
            "03/09/2020 10:14:33 AM",
        ] {
            assert_eq!(parse(text.as_bytes()), Some(MOMENT), "{text}");
        }
        assert_eq!(parse(b"09.03.2020 10:14:33,5"), Some(MOMENT + 0.5));
        assert_eq!(parse(b"25/12/1999"), parse(b"1999-12-25"));
        assert_eq!(
            (parse(b"1970-01-01"), parse(b"00:01:30"), parse(b"1:05 PM")),
            (Some(0.0), Some(90.0), Some(47_100.0))
        );
        // python3: datetime(2000, 2, 29, tzinfo=utc).timestamp() -> 951782400.0
        assert_eq!(parse(b"2000-02-29"), Some(951_782_400.0));
    }

    #[test]
    fn numbers_and_words_are_no_time() {
        for text in
            ["12.5", "1583748873", "2020", "2020-13-01", "10:99", "a:b", "1.2.3", "-1:30", "2020-03-09 noon", ""]
        {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..32), text in "[0-9:./TZ+ -]{0,24}",
        ) {
            let _ = (parse(&bytes), parse(text.as_bytes()));
        }

        #[test]
        fn days_and_seconds_are_read_back(day in 0i64..40_000, second in 0u32..86_400) {
            // Stepping day by day is the naive reference.
            let (mut year, mut month, mut date) = (1970, 1, 1);
            for _ in 0..day {
                let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
                let last = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1];
                date += 1;
                if date > last { (month, date) = (month + 1, 1); }
                if month > 12 { (year, month) = (year + 1, 1); }
            }
            let (hours, minutes, seconds) = (second / 3600, second / 60 % 60, second % 60);
            let text = format!("{year:04}-{month:02}-{date:02} {hours:02}:{minutes:02}:{seconds:02}");
            prop_assert_eq!(parse(text.as_bytes()), Some(day as f64 * 86_400.0 + f64::from(second)));
        }
    }
}
