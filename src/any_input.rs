//! Creates inputs for tests of the parsers that read outside data. Each input is a valid sample in which a seeded
//! random generator has changed some bytes and tokens, so that most inputs are nearly right. A parser may refuse any
//! input but must not panic.
//!
//! A test run tries 4,000 inputs for each parser. `make soak` tries `SOAK_SEEDS` times 200,000, which is ten million
//! for 50 seeds.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// A seeded generator of random numbers (splitmix64).
pub struct Random(u64);

impl Random {
    /// Creates a generator. The same seed gives the same numbers.
    pub fn of(seed: u64) -> Random {
        Random(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a random number from 0 to `n - 1`. `n` must be at least 1.
    pub fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % n.max(1) as u64).unwrap_or(0)
    }
}

/// Tokens to insert: numbers at the edges of their types, text that is not valid UTF-8, JSON and TOML out of place.
const TOKENS: [&[u8]; 44] = [
    b"0",
    b"-1",
    b"1e400",
    b"-1e400",
    b"1e-400",
    b"NaN",
    b"Infinity",
    b"9007199254740993",
    b"18446744073709551616",
    b"-9223372036854775809",
    b"4294967296",
    b"1.5",
    b"-0",
    b"00",
    b"null",
    b"true",
    b"false",
    b"{}",
    b"[]",
    b"\"\"",
    b"[[[[[[[[",
    b"{\"data\":",
    b"\"errors\":",
    b"\\ud800",
    b"\\u0000",
    b"\xff",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b"\x00",
    b",",
    b":",
    b"\"",
    b"\\",
    b"'",
    b"\n",
    b"= ",
    b"[a]\n",
    b"9999-12-31T23:59:60Z",
    b"-0001-01-01",
    b"+99:99",
    b"[Europe/Berlin]",
    "ı\u{307}İ".as_bytes(),
    "\u{10ffff}".as_bytes(),
    "😀".as_bytes(),
];

/// Returns one of the samples, changed at random in one to six places.
pub fn changed(dice: &mut Random, samples: &[&str]) -> Vec<u8> {
    let mut bytes = samples[dice.below(samples.len())].as_bytes().to_vec();
    for _ in 0..=dice.below(6) {
        let (from, length) = (dice.below(bytes.len() + 1), dice.below(12));
        let to = (from + length).min(bytes.len());
        match dice.below(7) {
            0 if from < bytes.len() => bytes[from] ^= 1 << dice.below(8),
            1 => drop(bytes.drain(from..to)),
            2 => {
                let again = bytes[from..to].repeat(1 + dice.below(40));
                bytes.splice(from..from, again);
            }
            3 => {
                let other = samples[dice.below(samples.len())].as_bytes();
                let at = dice.below(other.len() + 1);
                bytes.splice(from..to, other[at..(at + length * 4).min(other.len())].iter().copied());
            }
            4 => bytes.truncate(from),
            _ => drop(bytes.splice(from..to, TOKENS[dice.below(TOKENS.len())].iter().copied())),
        }
    }
    bytes
}

/// Passes the samples and many changed inputs to a parser. If the parser panics, the test fails and quotes the input.
pub fn never_panics(samples: &[&str], parse: impl Fn(&[u8])) {
    let soak = std::env::var("SOAK_SEEDS").ok().and_then(|seeds| seeds.parse::<u64>().ok());
    let inputs = soak.map_or(4000, |seeds| seeds * 200_000);
    let mut dice = Random(samples.len() as u64);
    for sample in samples {
        parse(sample.as_bytes());
    }
    for _ in 0..inputs {
        let input = changed(&mut dice, samples);
        let parsed = catch_unwind(AssertUnwindSafe(|| parse(&input)));
        assert!(parsed.is_ok(), "it panics at {:?}", String::from_utf8_lossy(&input));
    }
}

mod tests {
    use super::*;
    use crate::config::job::Job;
    use crate::destinations::manifest::Manifest;
    use crate::dialect::Dialect;
    use crate::streams::{self, DateForm};
    use crate::{moment, number};

    fn text(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(bytes)
    }

    #[test]
    fn inputs_differ_and_come_again_by_their_seed() {
        let of = |seed| {
            let mut dice = Random(seed);
            (0..200).map(|_| changed(&mut dice, &["a sample of some length", "{}"])).collect::<Vec<_>>()
        };
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
        let different: std::collections::HashSet<Vec<u8>> = of(1).into_iter().collect();
        assert!(different.len() > 150, "{}", different.len());
    }

    #[test]
    fn moments_and_numbers() {
        let samples =
            ["2024-03-05T08:09:10.123Z", "1709626150123", "1709626150", "2024-02-30T25:61:61+14:00", "12.5e3", "-17"];
        never_panics(&samples, |bytes| {
            let text = text(bytes);
            for form in [DateForm::Iso8601, DateForm::EpochMs, DateForm::EpochS] {
                if let Some((micros, _)) = moment::read(&text, form) {
                    moment::text(micros);
                    moment::text_of_second(micros);
                }
            }
            moment::read_text(&text);
            number::count(&text);
            if let Some(finite) = number::finite(&text) {
                number::floor(finite);
                number::seconds(finite, std::time::Duration::from_secs(3600));
            }
        });
    }

    #[test]
    fn manifests() {
        let sample = r#"{"format_version":1,"job":"j","mirror":"m","content":"changes","format":{"kind":"jsonl"},"streams":{"contacts":{
            "status":"published","verdict":"proven","as_of":"2026-01-01T00:00:00Z","run_id":7,"rows":2,"suspects":0,
            "seq":{"first":1,"last":9},"columns":[{"name":"_id","type":"text"}],"files":[{"path":"contacts/00000000000000000001-00000000000000000009.jsonl",
            "rows":2,"bytes":12,"sha256":"ab","seq":{"first":1,"last":9},"run_id":7}]}}}"#;
        never_panics(&[sample], |bytes| {
            let Ok(manifest) = serde_json::from_slice::<Manifest>(bytes) else { return };
            manifest.foreign_name();
            manifest.names_nothing();
            manifest.kept(&streams::ALL[..1]);
            for stream in streams::ALL {
                manifest.filled(stream);
                drop(manifest.delivered("a place", "m", stream));
            }
            for entry in manifest.streams.values() {
                manifest.format_of(entry);
            }
        });
    }

    #[test]
    fn job_files() {
        let sample = "name = \"n\"\nmode = \"incremental\"\n[source]\nclient_id = \"c\"\nclient_secret = \"s\"\npage_size = 100\n\
            retry_for = \"15m\"\n[source.volatile]\ncontacts = [\"avatar\"]\n[source.dialect.streams.contacts.list]\npaging = \"page\"\n\
            [mirror]\nmax_deletes = \"5%\"\n[[destination]]\nkind = \"csv\"\npath = \"out\"\ndelimiter = \";\"\nsplit = \"500MB\"\n";
        never_panics(&[sample], |bytes| {
            drop(Job::parse(&text(bytes), "job.toml"));
        });
    }

    #[test]
    fn dialects() {
        let sample = "date = \"epoch-ms\"\n[list]\npaging = \"cursor\"\ncursor = \"a.b\"\nrows = \"data.docs\"\ntotal = \"data.total\"\n\
            [streams.contacts]\noperation = \"getContactList\"\nfields = \"_id name { a b }\"\n[streams.contacts.list]\nsize_arg = \"limit\"\n\
            arguments = { status = \"OPEN\" }\n[token]\noperation = \"generateOAuthToken\"\n";
        never_panics(&[sample], |bytes| {
            if let Ok(layer) = text(bytes).parse() {
                drop(Dialect::with(&layer));
            }
        });
    }
}
