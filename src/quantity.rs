//! Formats counts and sizes for people.

/// Formats a count with its noun: `1 record`, `2 records`.
pub fn counted(n: u64, what: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{n} {what}{plural}")
}

/// Formats a number of bytes, with one decimal place from 1 kB on: `512 B`, `4.1 kB`, `1.5 GB`.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut size = bytes as f64 / 1000.0;
    let mut unit = UNITS[0];
    for larger in &UNITS[1..] {
        // A size that would be shown as 1000.0 of a unit is shown as 1.0 of the next.
        if size < 999.95 {
            break;
        }
        (size, unit) = (size / 1000.0, larger);
    }
    format!("{size:.1} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_is_one_and_sizes_stay_short() {
        assert_eq!(counted(1, "request") + ", " + &counted(0, "file"), "1 request, 0 files");
        let shown = [0, 999, 1000, 4_096, 999_949, 999_999, 1_500_000_000, u64::MAX].map(size);
        assert_eq!(shown, ["0 B", "999 B", "1.0 kB", "4.1 kB", "999.9 kB", "1.0 MB", "1.5 GB", "18446.7 PB"]);
    }
}
