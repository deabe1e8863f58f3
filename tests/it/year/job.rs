//! A job that people edit: it varies every key that changes what is read or written, and knows the content of its
//! files.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::qpien::Account;
use crate::support::simulated::Dice;

/// Keys that change how a run goes, what it spends or how files look, but not their content: table, key and values.
const TWEAKS: &[(&str, &str, &[&str])] = &[
    ("source", "full_every", &["\"0\"", "\"2d\"", "\"30d\""]),
    ("source", "audit_repair", &["5", "1000"]),
    ("source", "double_collect", &["true", "false"]),
    ("source", "bytes_in_flight", &["\"1MiB\"", "\"8MiB\""]),
    ("source", "max_response", &["\"1MiB\"", "\"32MiB\""]),
    ("source", "read_timeout", &["\"20s\"", "\"40s\""]),
    ("source", "connect_timeout", &["\"5s\"", "\"15s\""]),
    ("source", "wait_for_budget", &["\"1m\"", "\"1h\""]),
    ("source", "requests_per_minute", &["0", "60000"]),
    ("mirror", "max_deletes", &["\"20%\"", "\"2\"", "\"100%\""]),
    ("mirror", "confirm_requests", &["3", "50"]),
    ("csv", "line_end", &["\"lf\"", "\"crlf\""]),
    ("csv", "publish", &["\"complete\"", "\"always\""]),
    ("csv", "mode", &["\"0600\"", "\"0644\""]),
    ("feed", "max_files", &["2", "5", "0", "100"]),
    ("feed", "publish", &["\"complete\"", "\"always\""]),
];

/// Settings that stay the same for the life of an account.
#[derive(Debug, Clone, Copy, Default)]
pub struct Always {
    /// `true` if telephone numbers are masked before they enter the mirror, in every run of the account.
    pub masked_at_landing: bool,
    /// `true` if the job also delivers to a PostgreSQL database.
    pub database: bool,
}

/// The job as its owner intends it.
#[derive(Debug, Clone)]
#[allow(clippy::struct_excessive_bools)] // keys that are there or not
pub struct Job {
    mode: &'static str,
    streams: &'static [&'static str],
    page_size: usize,
    aliases: usize,
    in_flight: usize,
    audit: usize,
    lookback: &'static str,
    extra_fields: &'static str,
    drop_owner: bool,
    only_open: bool,
    volatile: bool,
    masked: Option<&'static str>,
    delimiter: char,
    gzip: bool,
    split: bool,
    feed: bool,
    /// `true` if the job also delivers Parquet files.
    parquet: bool,
    /// Values of [`TWEAKS`].
    tweaks: BTreeMap<usize, &'static str>,
    /// Number of feeds begun. A feed refuses other masks than its first, so that a change of masks begins a new one.
    feeds: usize,
    always: Always,
}

const ALL: &[&str] = &["contacts", "customer_persons", "conversations", "messages"];

impl Job {
    /// Returns the job of the first night.
    pub fn new(always: Always) -> Job {
        Job {
            mode: "incremental",
            streams: ALL,
            page_size: 20,
            aliases: 5,
            in_flight: 4,
            audit: 5,
            lookback: "3d",
            extra_fields: "ignore",
            drop_owner: false,
            only_open: false,
            volatile: false,
            masked: always.masked_at_landing.then_some("redact"),
            delimiter: ',',
            gzip: false,
            split: false,
            feed: true,
            parquet: false,
            tweaks: BTreeMap::new(),
            feeds: 0,
            always,
        }
    }

    /// Makes one edit and returns its name.
    pub fn edit(&mut self, dice: &mut Dice) -> &'static str {
        match dice.below(30) {
            0 => {
                self.mode = if self.mode == "backfill" { "incremental" } else { "backfill" };
                "mode"
            }
            1 => {
                self.streams =
                    [ALL, &["contacts", "conversations", "messages"], &["contacts", "conversations"]][dice.below(3)];
                "streams"
            }
            2 => {
                self.page_size = [7, 20, 100][dice.below(3)];
                "page_size"
            }
            3 => {
                self.aliases = [1, 5, 10][dice.below(3)];
                "aliases_per_request"
            }
            4 => {
                self.in_flight = [1, 4][dice.below(2)];
                "in_flight"
            }
            5 => {
                self.audit = [0, 5][dice.below(2)];
                "audit"
            }
            6 => {
                self.lookback = ["2d", "3d", "30d"][dice.below(3)];
                "lookback"
            }
            7 => {
                self.extra_fields = if self.extra_fields == "collect" { "ignore" } else { "collect" };
                "extra_fields"
            }
            8 => {
                self.drop_owner = !self.drop_owner;
                "drop"
            }
            9 => {
                self.only_open = !self.only_open;
                "arguments"
            }
            10 => {
                self.volatile = !self.volatile;
                "volatile"
            }
            11 if !self.always.masked_at_landing => {
                self.masked = [None, Some("drop"), Some("redact")][dice.below(3)];
                self.feeds += 1;
                "mask"
            }
            12 => {
                self.delimiter = [',', ';'][dice.below(2)];
                "delimiter"
            }
            13 => {
                self.gzip = !self.gzip;
                "compression"
            }
            14 => {
                self.split = !self.split;
                "split"
            }
            15 => {
                self.feed = !self.feed;
                self.feeds += usize::from(self.feed);
                "a destination"
            }
            16 => {
                self.parquet = cfg!(feature = "parquet") && !self.parquet;
                "a destination of Parquet"
            }
            _ => {
                let n = dice.below(TWEAKS.len());
                let (_, key, values) = TWEAKS[n];
                self.tweaks.insert(n, values[dice.below(values.len())]);
                key
            }
        }
    }

    /// Returns the text of the job file in this mode.
    pub fn text(&self, name: &str, mode: &str) -> String {
        let Job { page_size, aliases, in_flight, audit, lookback, extra_fields, delimiter, .. } = self;
        let streams = self.streams.iter().map(|s| format!("{s:?}")).collect::<Vec<_>>().join(", ");
        let landing = if self.always.masked_at_landing { "mask_at = \"landing\"\n" } else { "" };
        let mut text = format!(
            "name = \"{name}\"\nmode = \"{mode}\"\nstreams = [{streams}]\n{landing}[source]\nclient_id = \"c\"\n\
             client_secret = \"s\"\nretry_for = \"1s\"\npage_size = {page_size}\naliases_per_request = {aliases}\n\
             in_flight = {in_flight}\naudit = {audit}\nlookback = \"{lookback}\"\nextra_fields = \"{extra_fields}\"\n"
        );
        text += &self.tweaked("source", &["requests_per_minute = 0"]);
        if self.volatile {
            text += "[source.volatile]\ncontacts = [\"phone\"]\n";
        }
        if self.drop_owner {
            text += "[source.dialect.streams.contacts]\ndrop = [\"owner\"]\n";
        }
        if self.only_open {
            text += "[source.dialect.streams.conversations.list]\narguments = { status = \"OPEN\" }\n";
        }
        text += "[mirror]\n";
        text += &self.tweaked("mirror", &["max_deletes = \"20%\""]);
        let mask = self.masked.map(|mask| format!("[mask.contacts]\nphone = \"{mask}\"\n")).unwrap_or_default();
        let compression = if self.gzip { "gzip" } else { "none" };
        let split = if self.split { "split = \"3KB\"\n" } else { "" };
        let tweaks = self.tweaked("csv", &[]);
        let csv = format!(
            "[[destination]]\nkind = \"csv\"\npath = \"{name}\"\ndelimiter = \"{delimiter}\"\ncompression = \"{compression}\"\n{split}{tweaks}"
        );
        let feed = if self.feed {
            let path = self.feed_of(name);
            let tweaks = self.tweaked("feed", &[]);
            format!("[[destination]]\nkind = \"jsonl\"\npath = \"{path}\"\ncontent = \"changes\"\n{tweaks}")
        } else {
            String::new()
        };
        let parquet = if self.parquet {
            format!("[[destination]]\nkind = \"parquet\"\npath = \"{name}-parquet\"\n")
        } else {
            String::new()
        };
        let database = if self.always.database {
            // A place of changes refuses other masks than its first, so each set of masks has a schema of its own.
            format!(
                "[[destination]]\nkind = \"postgres\"\nurl = \"${{WAREHOUSE_URL}}\"\nschema = \"{}\"\nretry_for = \"1s\"\n",
                self.schema_of(name)
            )
        } else {
            String::new()
        };
        [text, mask, csv, feed, parquet, database].concat()
    }

    /// Returns the lines of a table: its tweaked values, and `usual` lines where there is no tweak.
    fn tweaked(&self, table: &str, usual: &[&str]) -> String {
        let of_table = self.tweaks.iter().filter(|(n, _)| TWEAKS[**n].0 == table);
        let mut lines: BTreeMap<&str, &str> = usual.iter().filter_map(|line| line.split_once(" = ")).collect();
        lines.extend(of_table.map(|(n, value)| (TWEAKS[*n].1, *value)));
        lines.into_iter().flat_map(|(key, value)| [key, " = ", value, "\n"]).collect()
    }

    /// Returns `true` if the job has a feed.
    pub fn has_feed(&self) -> bool {
        self.feed
    }

    /// Returns `true` if only open conversations are asked for.
    pub fn is_open_only(&self) -> bool {
        self.only_open
    }

    /// Returns `true` if contacts have volatile values.
    pub fn is_volatile(&self) -> bool {
        self.volatile
    }

    /// Returns the mode.
    pub fn mode(&self) -> &'static str {
        self.mode
    }

    /// Returns the streams.
    pub fn streams(&self) -> &'static [&'static str] {
        self.streams
    }

    /// Returns how its CSV files are written: the delimiter, and whether they are compressed.
    pub fn csv(&self) -> (u8, bool) {
        (self.delimiter as u8, self.gzip)
    }

    /// Returns the schema of its tables.
    pub fn schema_of(&self, name: &str) -> String {
        format!("{name}_{}", self.feeds)
    }

    /// Returns the folder of its feed.
    pub fn feed_of(&self, name: &str) -> String {
        format!("{name}-feed-{}", self.feeds)
    }

    /// Returns what its files hold of a stream, by id: some cells of each record.
    pub fn truth(&self, account: &Account, stream: &str) -> BTreeMap<String, Vec<String>> {
        let cell = |row: &Value, name: &str| row.get(name).map(text_of).unwrap_or_default();
        let rows: Vec<&Value> = match stream {
            "contacts" => account.lists["getContactList"].iter().collect(),
            "customer_persons" => account.lists["getCustomerPersonList"].iter().collect(),
            "conversations" => self.conversations(account),
            _ => {
                let asked = self.conversations(account);
                let ids = asked.iter().filter_map(|row| row["_id"].as_str());
                ids.filter_map(|id| account.messages.get(id)).flatten().collect()
            }
        };
        let cells = |row: &Value| -> Vec<String> {
            Job::columns(stream)
                .iter()
                .map(|name| match *name {
                    "owner" if self.drop_owner => String::new(),
                    "phone" if self.masked == Some("drop") => String::new(),
                    "phone" if self.masked == Some("redact") => "[redacted]".to_owned(),
                    name => cell(row, name),
                })
                .collect()
        };
        rows.into_iter().map(|row| (row["_id"].as_str().expect("an id").to_owned(), cells(row))).collect()
    }

    /// Returns the conversations that it asks for.
    pub fn conversations<'a>(&self, account: &'a Account) -> Vec<&'a Value> {
        let rows = account.lists["getConversationList"].iter();
        rows.filter(|row| !self.only_open || row["status"] == "OPEN").collect()
    }

    /// Returns the columns that are compared.
    pub fn columns(stream: &str) -> &'static [&'static str] {
        match stream {
            "contacts" => &["firstName", "owner", "phone"],
            "customer_persons" => &["firstName"],
            "conversations" => &["status", "customer", "tags"],
            _ => &["conversation", "content", "createdAt", "ackStatus"],
        }
    }
}

/// Returns a value as a cell shows it.
pub fn text_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        // A feed writes moments with six decimals.
        Value::String(text) if text.len() == "2026-01-01T00:00:00.000000Z".len() && text.ends_with("000Z") => {
            text.replace("000Z", "Z")
        }
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
