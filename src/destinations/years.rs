//! Counts the timestamps of a delivery by year, for each column, to detect a wrong unit. A wrong unit makes
//! timestamps decades away from all others: seconds that are read as milliseconds fall into January 1970.

use std::collections::BTreeMap;

use crate::error::quote;
use crate::quantity::counted;
use crate::streams::Stream;

/// The number of years without any timestamp that counts as suspicious.
const GAP: i64 = 25;

/// The length of a mean year in microseconds.
const YEAR: i64 = 31_556_952_000_000;

/// For each year, the number of one column's timestamps in it and the id of the first record that has one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Years(BTreeMap<i64, (u64, String)>);

/// The years of each timestamp column, with the column's name.
pub type YearsOfColumns = Vec<(&'static str, Years)>;

impl Years {
    /// Counts a timestamp, in microseconds since 1970. `id` returns the id of its record.
    pub fn put(&mut self, micros: i64, id: impl FnOnce() -> String) {
        let year = 1970 + micros.div_euclid(YEAR);
        self.0.entry(year).and_modify(|(count, _)| *count += 1).or_insert_with(|| (1, id()));
    }

    /// Returns whether no timestamp was counted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Returns a message about timestamps that are decades before all others of the same delivery. Returns `None` if
/// there are none.
pub fn finding<'y>(all: impl IntoIterator<Item = (Stream, &'y str, &'y Years)>) -> Option<String> {
    let all: Vec<(Stream, &str, &Years)> = all.into_iter().collect();
    let mut years: Vec<i64> = all.iter().flat_map(|(_, _, years)| years.0.keys().copied()).collect();
    years.sort_unstable();
    let (_, next) = years.windows(2).map(|pair| (pair[0], pair[1])).find(|(before, next)| next - before >= GAP)?;
    let early = |years: &Years| years.0.range(..next).fold(0, |sum, (_, (count, _))| sum + count);
    let (stream, column, own) = all.iter().find(|(_, _, years)| early(years) > 0)?;
    let (year, (_, id)) = own.0.first_key_value()?;
    let count = counted(early(own), "record");
    Some(format!(
        "{stream}: {column} of {count} is of {year} or soon after, decades before all other moments ({next} is the next); {} for \
         one. Where the server tells it in another unit, [source.dialect.streams.{stream}] date = \"epoch_s\" (or \"epoch_ms\") \
         says so, and a mirror that is exported again has them right",
        quote(id)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn years(moments: &[i64]) -> Years {
        let mut years = Years::default();
        for seconds in moments {
            years.put(seconds * 1_000_000, || seconds.to_string());
        }
        years
    }

    #[test]
    fn what_lies_decades_before_all_others_is_told_with_its_column() {
        let (of_today, of_1970) = (years(&[1_709_626_150, 1_600_000_000]), years(&[1_709_626, 1_709_627]));
        let told = finding([(Stream::Contacts, "createdAt", &of_today), (Stream::Messages, "createdAt", &of_1970)]);
        let told = told.expect("a finding");
        assert!(told.starts_with("messages: createdAt of 2 records is of 1970"), "{told}");
        assert!(told.contains("1709626 for one") && told.contains("(2020 is the next)"), "{told}");
        let mixed = years(&[1_709_626, 1_709_626_150]);
        assert!(finding([(Stream::Contacts, "createdAt", &mixed)]).is_some(), "within one column, too");
    }

    #[test]
    fn years_that_follow_one_another_are_no_finding() {
        let since_2003: Vec<i64> = (0..22).map(|year| 1_060_000_000 + year * 31_556_952).collect();
        assert_eq!(finding([(Stream::Contacts, "createdAt", &years(&since_2003))]), None);
        assert_eq!(finding([(Stream::Contacts, "createdAt", &years(&[1_709_626]))]), None, "alone it is no outlier");
        assert_eq!(finding([]), None);
    }
}
