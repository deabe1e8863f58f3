//! Writes timestamps as the API does: `2024-03-05T08:09:10.123Z`, or in another format if the schema says so.

use crate::sandbox::account::json_writer::JsonWriter;

/// 2023-01-01T00:00:00Z, in milliseconds since 1970. Nothing in the account is older.
pub const START: u64 = 1_672_531_200_000;

/// The time over which the generated records are spread: two years, in milliseconds.
pub const SPAN: u64 = 2 * 365 * 86_400_000;

/// The length of a day in milliseconds.
pub const DAY: u64 = 86_400_000;

/// The day before the first simulated night, in milliseconds since 1970: a month after the newest generated record.
pub const FIRST_NIGHT: u64 = START + SPAN + 31 * DAY;

/// How many numbers of messages are reserved for each simulated night.
pub const NIGHTLY: u64 = 1_000_000;

/// Returns the time at which a night added a message, in milliseconds since 1970. `beyond` is the message's number
/// minus the number of generated messages. Returns `None` if no night added the message.
pub(in crate::sandbox) fn created_at_night(beyond: u64) -> Option<u64> {
    (beyond >= NIGHTLY).then(|| FIRST_NIGHT + beyond / NIGHTLY * DAY + beyond % NIGHTLY * 1000)
}

/// The format in which timestamps are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MomentForm {
    /// A string in ISO 8601: `"2024-03-05T08:09:10.123Z"`.
    #[default]
    Iso8601,
    /// A number of milliseconds since 1970: `1709626150123`.
    EpochMs,
    /// A number of seconds since 1970: `1709626150`.
    EpochS,
    /// A string of milliseconds since 1970: `"1709626150123"`.
    EpochMsText,
}

impl MomentForm {
    /// Returns the format with this name: `iso8601`, `epoch_ms`, `epoch_s` or `epoch_ms_text`.
    pub fn named(name: &str) -> Option<MomentForm> {
        match name {
            "iso8601" => Some(MomentForm::Iso8601),
            "epoch_ms" => Some(MomentForm::EpochMs),
            "epoch_s" => Some(MomentForm::EpochS),
            "epoch_ms_text" => Some(MomentForm::EpochMsText),
            _ => None,
        }
    }

    /// Appends a timestamp, given in milliseconds since 1970, to `out`.
    pub fn write(self, milliseconds: u64, out: &mut JsonWriter) {
        match self {
            MomentForm::Iso8601 => out.plain(&iso(milliseconds)),
            MomentForm::EpochMs => out.number(milliseconds),
            MomentForm::EpochS => out.number(milliseconds / 1000),
            MomentForm::EpochMsText => out.plain(milliseconds.to_string().as_bytes()),
        }
    }
}

/// Returns a timestamp, given in milliseconds since 1970, as an ISO 8601 string.
fn iso(milliseconds: u64) -> [u8; 24] {
    let (days, rest) = (milliseconds / 86_400_000, milliseconds % 86_400_000);
    let (year, month, day) = civil(days);
    let mut text = *b"0000-00-00T00:00:00.000Z";
    let mut put = |at: usize, width: usize, mut value: u64| {
        for place in (at..at + width).rev() {
            text[place] = b'0' + (value % 10) as u8;
            value /= 10;
        }
    };
    put(0, 4, year);
    put(5, 2, month);
    put(8, 2, day);
    put(11, 2, rest / 3_600_000);
    put(14, 2, rest / 60_000 % 60);
    put(17, 2, rest / 1000 % 60);
    put(20, 3, rest % 1000);
    text
}

/// Returns the year, month and day that are this many days after 1970-01-01 (Howard Hinnant's `civil_from_days`).
fn civil(days: u64) -> (u64, u64, u64) {
    let z = days + 719_468;
    let (era, day_of_era) = (z / 146_097, z % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_in_every_form() {
        for (form, expected) in [
            ("iso8601", "\"2024-03-05T08:09:10.123Z\""),
            ("epoch_ms", "1709626150123"),
            ("epoch_s", "1709626150"),
            ("epoch_ms_text", "\"1709626150123\""),
        ] {
            let mut out = JsonWriter::default();
            MomentForm::named(form).unwrap().write(1_709_626_150_123, &mut out);
            assert_eq!(String::from_utf8(out.bytes).unwrap(), expected);
        }
    }

    #[test]
    fn moments_are_what_a_library_says_they_are() {
        for ms in [0, START, 1_709_626_150_123, 1_709_164_800_000, START + SPAN, 4_102_444_799_999] {
            let ours = iso(ms).map(char::from).iter().collect::<String>();
            let parsed: jiff::Timestamp = ours.parse().unwrap();
            assert_eq!(parsed.as_millisecond(), i64::try_from(ms).unwrap(), "{ours}");
        }
        assert_eq!(&iso(1_709_626_150_123), b"2024-03-05T08:09:10.123Z");
    }
}
