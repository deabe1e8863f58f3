//! One extraction feeds three destinations of three kinds: a CSV snapshot, Parquet changes in a bucket, and
//! PostgreSQL. The second and the third add no question. A run killed between any two steps leaves a state from which
//! the next run makes all three whole.

use serde_json::Value;

use super::{parquet, postgres};
use crate::support::moto::Moto;
use crate::support::postgres::Server;
use crate::support::{Outcome, STREAMS, Sandbox, Work, compared};

/// The exit code that `Outcome` reports for a run that a signal ended.
const DIED: i32 = -1;

/// The time of the first reading: a month after the newest generated record.
const BEFORE: &str = "2025-01-31T12:00:00Z";

const ONE: &str = "name = \"test\"\nmode = \"incremental\"\n[source]\nclient_id = \"sandbox-client\"\n\
    client_secret = \"sandbox-secret\"\nrequests_per_minute = 0\naudit = 0\n\
    [[destination]]\nkind = \"csv\"\npath = \"out\"\n";

const FURTHER: &str = "[[destination]]\nkind = \"parquet\"\npath = \"s3://bucket/feed\"\ncontent = \"changes\"\n\
    [[destination]]\nkind = \"postgres\"\nurl = \"${WAREHOUSE_URL}\"\n";

struct Account {
    sandbox: Sandbox,
    work: Work,
    now: String,
}

impl Account {
    fn new(job: &str) -> Account {
        let size = ["--contacts", "150", "--persons", "9", "--conversations", "50", "--messages", "600"];
        let sandbox = Sandbox::start_on(BEFORE, &[&size[..], &["--requests-per-minute", "0"]].concat());
        Account { sandbox, work: Work::with_job(job), now: BEFORE.into() }
    }

    fn night(&mut self, seed: u64) {
        let query = format!("/sandbox/night?seed={seed}&changed=8&new=2&contacts=6&status=4");
        let told: Value = serde_json::from_str(&self.sandbox.bodiless("POST", &query)).expect("JSON");
        told["now"].as_str().expect("a moment").clone_into(&mut self.now);
    }

    fn command(&self, args: &[&str], stores: &Stores) -> std::process::Command {
        let mut command = self.work.command(args);
        command.envs(Moto::variables(&stores.bucket.address)).env("QPIEN_TEST_NOW", &self.now);
        command.env("WAREHOUSE_URL", stores.database.url("postgres"));
        command
    }

    fn run(&self, stores: &Stores) -> Outcome {
        let args = ["run", "job.toml", "--endpoint", &self.sandbox.endpoint];
        Outcome::of(&self.command(&args, stores).output().expect("a run"))
    }

    /// Returns every question so far, sorted, because their distribution over requests depends on timing.
    fn questions(&self) -> Vec<String> {
        self.sandbox.questions()
    }

    #[track_caller]
    fn all_equal_the_truth(&self, stores: &Stores, said: &str) {
        stores.fetch(&self.work);
        for stream in STREAMS {
            compared(&self.sandbox, &self.work, stream, "?objects=all").unwrap_or_else(|why| panic!("{said}: {why}"));
            parquet::compared(&self.sandbox, &self.work, "fetched", stream);
        }
        postgres::equal(&stores.database, &self.sandbox, said);
        let verified = self.command(&["verify", "job.toml"], stores).output().expect("a verification");
        Outcome::of(&verified).expect(0);
    }
}

struct Stores {
    bucket: Moto,
    database: Server,
}

impl Stores {
    fn new() -> Stores {
        let stores = Stores { bucket: Moto::start(), database: Server::start() };
        stores.bucket.bucket("bucket");
        stores
    }

    /// Copies the bucket's objects into a folder, and asserts that the manifest names each of them.
    fn fetch(&self, work: &Work) {
        let keys = self.bucket.keys("bucket");
        let manifest = self.bucket.get("bucket", "feed/manifest.json").expect("a manifest");
        let manifest: Value = serde_json::from_slice(&manifest).expect("JSON");
        let streams = manifest["streams"].as_object().expect("streams").values();
        let files = streams.flat_map(|s| s["files"].as_array().cloned().unwrap_or_default());
        let mut named: Vec<String> = files.map(|f| format!("feed/{}", f["path"].as_str().expect("a path"))).collect();
        named.push("feed/manifest.json".into());
        named.sort();
        assert_eq!(keys, named);
        for key in keys {
            let path = work.path(&key.replacen("feed/", "fetched/", 1));
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(path, self.bucket.get("bucket", &key).expect("an object")).expect("a file");
        }
    }
}

/// Returns a pseudo-random number for `seed` and `n`.
fn dice(seed: u64, n: u64) -> u64 {
    let mut z = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(n.wrapping_mul(0xD1B5_4A32_D192_ED03));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z ^ (z >> 31)
}

#[test]
fn one_extraction_feeds_three_destinations_and_the_second_and_third_add_no_question() {
    let stores = Stores::new();
    let mut account = Account::new(&format!("{ONE}{FURTHER}"));
    let mut alone = Account::new(ONE);
    for night in 0..3 {
        if night > 0 {
            account.night(night);
            alone.night(night);
        }
        account.run(&stores).expect(0);
        alone.run(&stores).expect(0);
        assert_eq!(account.questions(), alone.questions(), "night {night}");
        account.all_equal_the_truth(&stores, &format!("night {night}"));
    }
}

#[test]
fn killed_between_any_two_steps_all_three_are_made_whole() {
    let seeds = std::env::var("SOAK_SEEDS").ok().and_then(|s| s.parse().ok()).unwrap_or(1);
    for seed in 0..seeds {
        let stores = Stores::new();
        let mut account = Account::new(&format!("{ONE}{FURTHER}"));
        let mut died = 0;
        for night in 0..6 {
            if night > 0 {
                account.night(night);
            }
            let args = ["run", "job.toml", "--endpoint", &account.sandbox.endpoint];
            let mut command = account.command(&args, &stores);
            command.env("QPIEN_TEST_DIE_AT", (dice(seed, night) % 30).to_string());
            died += u64::from(Outcome::of(&command.output().expect("a run")).code == DIED);
            let mut run = account.run(&stores);
            // If the run that died had already read the list of conversations, a second run may be needed.
            if run.code != 0 {
                run = account.run(&stores);
            }
            run.expect(0);
            account.all_equal_the_truth(&stores, &format!("seed {seed}, night {night}"));
        }
        assert!(died >= 3, "only {died} of 6 died: the moments are too late");
    }
}
