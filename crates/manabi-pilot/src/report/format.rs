//! Numbers as people read them: percentages, points, durations, sizes and p values.

/// What stands where there is no number.
pub const NONE: &str = "–";

/// A fraction as a percentage with one decimal: `78.2 %`.
pub fn percent(fraction: f64) -> String {
    if fraction.is_finite() { format!("{:.1} %", tidy(fraction * 100.0, 1)) } else { NONE.into() }
}

/// A label fraction: whole percents where they are whole, more digits below one percent.
pub fn label_fraction(fraction: f64) -> String {
    if !fraction.is_finite() {
        return NONE.into();
    }
    let percent = fraction * 100.0;
    let decimals = if (percent - percent.round()).abs() < 0.05 && percent >= 0.95 {
        0
    } else if percent >= 0.1 {
        1
    } else {
        2
    };
    format!("{percent:.decimals$} %")
}

/// A difference of fractions in percentage points with its sign: `+12.4`.
pub fn points(difference: f64) -> String {
    if difference.is_finite() { format!("{:+.1}", tidy(difference * 100.0, 1)) } else { NONE.into() }
}

/// A p value as papers write it: `p = 0.012` or `p < 0.001`.
pub fn p_value(p: f64) -> String {
    if !p.is_finite() {
        "p not known".into()
    } else if p < 0.001 {
        "p < 0.001".into()
    } else if p < 0.0995 {
        format!("p = {p:.3}")
    } else {
        format!("p = {p:.2}")
    }
}

/// A count with thin groups of three: `12 400`. No-break spaces keep it on one line.
pub fn count(number: usize) -> String {
    let digits = number.to_string();
    if digits.len() < 5 {
        return digits;
    }
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push('\u{a0}');
        }
        out.push(digit);
    }
    out
}

/// A count and its noun, in the plural where it is due.
pub fn counted(number: usize, noun: &str) -> String {
    let plural = if number == 1 {
        noun.to_string()
    } else if noun.ends_with('s') || noun.ends_with("ch") || noun.ends_with("sh") {
        format!("{noun}es")
    } else {
        format!("{noun}s")
    };
    format!("{} {plural}", count(number))
}

/// A duration: `42 s`, `22 min`, `3 h 10 min`.
pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return NONE.into();
    }
    if seconds < 9.95 {
        return format!("{seconds:.1} s");
    }
    if seconds < 119.5 {
        return format!("{seconds:.0} s");
    }
    let minutes = (seconds / 60.0).round() as u64;
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

/// A size in memory: `640 MiB`, `1.1 GiB`.
pub fn bytes(bytes: u64) -> String {
    let mib = bytes as f64 / (1024.0 * 1024.0);
    if mib >= 1000.0 { format!("{:.1} GiB", mib / 1024.0) } else { format!("{mib:.0} MiB") }
}

/// A plain number with as many digits as it deserves.
pub fn number(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        NONE.into()
    } else if size >= 100.0 || value == value.trunc() {
        format!("{value:.0}")
    } else if size >= 10.0 {
        format!("{value:.1}")
    } else if size >= 0.1 {
        format!("{value:.2}")
    } else {
        format!("{value:.3}")
    }
}

/// Takes the sign off a zero that rounding left behind.
fn tidy(value: f64, decimals: i32) -> f64 {
    let scale = 10f64.powi(decimals);
    let rounded = (value * scale).round() / scale;
    if rounded == 0.0 { 0.0 } else { rounded }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_and_points_round_to_one_decimal_without_a_negative_zero() {
        assert_eq!(percent(0.7816), "78.2 %");
        assert_eq!(points(0.1239), "+12.4");
        assert_eq!(points(-0.0001), "+0.0");
        assert_eq!(points(-0.021), "-2.1");
        assert_eq!(percent(f64::NAN), NONE);
    }

    #[test]
    fn label_fractions_show_no_more_digits_than_they_need() {
        assert_eq!(label_fraction(0.01), "1 %");
        assert_eq!(label_fraction(1.0), "100 %");
        assert_eq!(label_fraction(0.005), "0.5 %");
        assert_eq!(label_fraction(0.1234), "12.3 %");
    }

    #[test]
    fn durations_counts_and_sizes_read_as_people_say_them() {
        assert_eq!(duration(4.23), "4.2 s");
        assert_eq!(duration(1320.0), "22 min");
        assert_eq!(duration(11_400.0), "3 h 10 min");
        assert_eq!(count(1234), "1234");
        assert_eq!(count(1_234_567), "1\u{a0}234\u{a0}567");
        assert_eq!(counted(1, "label"), "1 label");
        assert_eq!(counted(3, "class"), "3 classes");
        assert_eq!(bytes(1_181_116_006), "1.1 GiB");
    }

    #[test]
    fn p_values_are_never_zero() {
        assert_eq!(p_value(0.0), "p < 0.001");
        assert_eq!(p_value(0.0123), "p = 0.012");
        assert_eq!(p_value(0.34), "p = 0.34");
    }
}
