//! Times as people write them: `90s`, `20m`, `1h30m`.

use std::time::Duration;

/// Parses a time. A bare number is minutes.
pub fn parse(text: &str) -> Result<Duration, String> {
    let wrong = || format!("\"{text}\" is no time; write 90s, 20m or 1h30m");
    let text = text.trim();
    if let Ok(minutes) = text.parse::<f64>() {
        return seconds(minutes * 60.0).ok_or_else(wrong);
    }
    let mut total = 0.0;
    let mut number = String::new();
    for c in text.chars() {
        if c.is_ascii_digit() || c == '.' {
            number.push(c);
            continue;
        }
        let unit = match c {
            'h' => 3600.0,
            'm' => 60.0,
            's' => 1.0,
            _ => return Err(wrong()),
        };
        total += number.parse::<f64>().map_err(|_| wrong())? * unit;
        number.clear();
    }
    if number.is_empty() { seconds(total).ok_or_else(wrong) } else { Err(wrong()) }
}

fn seconds(value: f64) -> Option<Duration> {
    if value > 0.0 && value < 1e8 { Duration::try_from_secs_f64(value).ok() } else { None }
}

/// `1 h 05 min`, `12 min 30 s`, `45 s`.
pub fn show(time: Duration) -> String {
    let s = time.as_secs_f64().round() as u64;
    match s {
        0..60 => format!("{s} s"),
        60..3600 => format!("{} min {:02} s", s / 60, s % 60),
        _ => format!("{} h {:02} min", s / 3600, s % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, want) in [("90s", 90.0), ("20m", 1200.0), ("1h30m", 5400.0), ("2", 120.0), ("0.5h", 1800.0)] {
            assert_eq!(parse(text).unwrap().as_secs_f64(), want, "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "soon", "-3m", "0s", "5x", "1h30", "1e400", "m"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
