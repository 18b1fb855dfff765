//! What is known of the computer: processor, memory, peak memory, date.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::report::Machine;

/// The machine, as far as the operating system tells.
pub fn machine() -> Machine {
    let cpu = read_field("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.to_string());
    Machine {
        cpu,
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        threads: rayon::current_num_threads(),
        memory_bytes: read_field("/proc/meminfo", "MemTotal").and_then(|v| kibibytes(&v)),
        os: std::env::consts::OS.into(),
        device: "cpu".into(),
    }
}

/// The largest resident memory of this process so far, in bytes; Linux only.
pub fn peak_memory() -> Option<u64> {
    kibibytes(&read_field("/proc/self/status", "VmHWM")?)
}

/// The pages that the system has mapped for this process so far without reading them from a disk (minor faults);
/// Linux only.
pub fn page_faults() -> Option<u64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // After the program's name, which stands in brackets and may hold anything, they are the eighth.
    stat.rsplit_once(')')?.1.split_whitespace().nth(7)?.parse().ok()
}

fn read_field(path: &str, field: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().find(|l| l.starts_with(field))?;
    Some(line.split_once(':')?.1.trim().to_string())
}

fn kibibytes(value: &str) -> Option<u64> {
    value.split_whitespace().next()?.parse::<u64>().ok().map(|k| k << 10)
}

/// Now, as RFC 3339 in UTC.
pub fn now() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    rfc3339(seconds)
}

/// Seconds since 1970 as a date, by Howard Hinnant's `civil_from_days`.
fn rfc3339(seconds: u64) -> String {
    let (days, rest) = ((seconds / 86_400) as i64 + 719_468, seconds % 86_400);
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest % 3600 / 60, rest % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(rfc3339(1_800_000_000), "2027-01-15T08:00:00Z");
    }

    #[test]
    fn the_machine_has_at_least_one_core() {
        assert!(machine().cores >= 1);
    }

    #[test]
    fn touching_fresh_pages_is_counted_where_the_system_counts() {
        let Some(before) = page_faults() else { return };
        // Without a file behind them, one page apart, and too many to lie in memory that was freed before.
        let pages = vec![1u8; 64 << 20];
        assert!(pages.iter().step_by(4096).all(|byte| *byte == 1));
        // Pages may be larger than 4 KiB.
        assert!(page_faults().unwrap() > before);
        assert!(peak_memory().unwrap() >= 64 << 20);
    }
}
