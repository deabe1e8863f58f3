//! `--shard 3/16`: a fixed share of a job's accounts, so that several machines can divide the accounts without
//! communicating.
//!
//! An account's shard depends on its name alone (xxh3, modulo the number of shards). Adding an account moves no other
//! account. So each account stays on the machine, and the volume, that holds its mirror. Shards are counted from 0,
//! as Kubernetes counts the indexes of a Job and Airflow those of mapped tasks.

use xxhash_rust::xxh3::xxh3_64;

use crate::error::{Error, Result};

/// One of several shares of a job's accounts, such as 2 of 5. Each share is read by its own run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    index: u64,
    of: u64,
}

impl Shard {
    /// Parses a shard such as `3/16`: the index, counted from 0, and the number of shards.
    pub fn read(text: &str) -> Result<Shard> {
        let wrong = |why: String| Error::usage(format!("--shard {text}: {why}"));
        let numbers = text.split_once('/').and_then(|(index, of)| Some((index.parse().ok()?, of.parse().ok()?)));
        match numbers {
            None => Err(wrong("write for example 0/16 for the first of sixteen parts".into())),
            Some((_, 0)) => Err(wrong("there is at least one part: 0/1".into())),
            Some((index, of)) if index >= of => {
                Err(wrong(format!("parts are counted from 0: the last of {of} is {}/{of}", of - 1)))
            }
            Some((index, of)) => Ok(Shard { index, of }),
        }
    }

    /// Returns whether the account with this name belongs to this shard.
    pub fn holds(self, name: &str) -> bool {
        xxh3_64(name.as_bytes()) % self.of == self.index
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_counted_from_0() {
        assert_eq!(Shard::read("3/16").expect("a part"), Shard { index: 3, of: 16 });
        for (text, told) in [
            ("16/16", "--shard 16/16: parts are counted from 0: the last of 16 is 15/16"),
            ("1/1", "--shard 1/1: parts are counted from 0: the last of 1 is 0/1"),
            ("0/0", "--shard 0/0: there is at least one part: 0/1"),
            ("3", "--shard 3: write for example 0/16 for the first of sixteen parts"),
            ("-1/4", "--shard -1/4: write for example 0/16 for the first of sixteen parts"),
            ("a/b", "--shard a/b: write for example 0/16 for the first of sixteen parts"),
        ] {
            assert_eq!(Shard::read(text).expect_err(text).detail, told);
        }
    }

    /// The hash must never change, because each mirror lies where its shard ran. The value is the published XXH3 of
    /// empty input, seed 0.
    #[test]
    fn the_hash_is_xxh3() {
        let empty = 0x2d06_8005_38d3_94c2_u64;
        for of in [2, 3, 16, 1000] {
            assert!(Shard { index: empty % of, of }.holds(""));
        }
    }

    #[test]
    fn every_name_is_in_exactly_one_part_of_any_number() {
        for of in 1..=20 {
            for name in (0..500).map(|n| format!("account-{n}")) {
                let holding = (0..of).filter(|index| Shard { index: *index, of }.holds(&name)).count();
                assert_eq!(holding, 1, "{name} of {of}");
            }
        }
    }
}
