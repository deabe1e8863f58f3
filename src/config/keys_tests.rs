//! Tests that every key of a job file is documented and read. The names come from the parser, which tells them in its
//! message about an unknown one, so a key is declared in [`super::job`] alone.

use std::collections::BTreeSet;

use super::flags::Flags;
use super::job::Job;
use super::origin::Origin;
use super::settings::Settings;

/// The tables of a job file that have a fixed set of keys.
const TABLES: [&str; 5] = ["", "source", "mirror", "destination", "account"];

/// Returns the names that the parser knows where the job `text` has the unknown name `zzz`.
pub(crate) fn known(text: &str) -> Vec<String> {
    let told = toml::from_str::<Job>(text).expect_err(text);
    let names: Vec<String> = told.message().split('`').skip(3).step_by(2).map(str::to_owned).collect();
    assert!(names.len() > 1, "{told}");
    names
}

/// Returns the keys of a table of a job file.
pub(crate) fn keys(table: &str) -> Vec<String> {
    match table {
        "" => known("zzz = 1"),
        "destination" | "account" => known(&format!("[[{table}]]\nzzz = 1")),
        table => known(&format!("[{table}]\nzzz = 1")),
    }
}

/// Returns the job that stands under "All keys" in `jobs/README.md`.
fn documented_job() -> &'static str {
    let page = include_str!("../../jobs/README.md");
    let rest = page.split("## All keys").nth(1).and_then(|rest| rest.split("```toml\n").nth(1)).expect("the keys");
    rest.split("```").next().expect("their end")
}

#[test]
fn every_key_of_a_job_is_documented() {
    let job = documented_job();
    Job::parse(job, "jobs/README.md").expect("no key that the program does not know");
    let (mut told, mut table) = (BTreeSet::new(), "");
    for line in job.lines() {
        if let Some(header) = line.strip_prefix('[') {
            table = header.split(']').next().unwrap_or_default().trim_start_matches('[');
            let (outer, inner) = table.split_once('.').unwrap_or(("", table));
            told.insert(if inner.is_empty() || outer == "mask" { ("", outer) } else { (outer, inner) });
        } else if let Some((key, _)) = line.split_once(" = ") {
            told.insert((table, key.trim()));
        }
    }
    for table in TABLES {
        for key in keys(table) {
            let is_told = told.contains(&(table, key.as_str()));
            assert!(is_told, "jobs/README.md: \"All keys\" lacks `{key}` of [{table}], which src/config/job.rs has");
        }
    }
}

#[test]
fn every_kind_of_destination_is_documented() {
    for kind in known("[[destination]]\nkind = \"zzz\"") {
        let quoted = format!("\"{kind}\"");
        assert!(documented_job().contains(&quoted), "jobs/README.md: \"All keys\" does not name kind = {quoted}");
        assert!(include_str!("../../README.md").contains(&quoted), "README.md does not name kind = {quoted}");
    }
}

#[test]
fn every_key_of_a_job_is_read() {
    let mut job: toml::Table = documented_job().parse().expect("TOML");
    for of_accounts_or_tested_below in ["accounts", "account", "destination"] {
        job.remove(of_accounts_or_tested_below);
    }
    for key in ["client_id", "client_secret"] {
        job["source"][key] = "x".into();
    }
    job["mask"]["contacts"]["email"] = "drop".into();
    let settings = Settings::of_text(&job.to_string(), "j.toml", &Flags::default()).expect("settings");
    let is_in_code = |table: &str, key: &str| {
        let (files, code, form) = match table {
            "destination" => {
                ("destinations.rs or postgres.rs", [include_str!("destinations.rs"), include_str!("postgres.rs")], "d.")
            }
            "account" => ("accounts.rs", [include_str!("accounts.rs"), ""], "account."),
            _ => ("settings.rs or accounts.rs", [include_str!("settings.rs"), include_str!("accounts.rs")], "job."),
        };
        assert!(code.concat().contains(&format!("{form}{key}")), "src/config/{files}: nothing reads `{form}{key}`");
    };
    for table in TABLES {
        for key in keys(table) {
            if ["destination", "account"].contains(&table) || key.starts_with("account") || TABLES.contains(&&*key) {
                is_in_code(table, &key);
                continue;
            }
            let full = if table.is_empty() { key } else { format!("{table}.{key}") };
            let is_read = settings.origins.iter().any(|(noted, _, origin)| {
                let rest = noted.strip_prefix(&full);
                *origin == Origin::Job && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            });
            assert!(is_read, "src/config/: nothing picks `{full}`, which src/config/job.rs has, and notes its origin");
        }
    }
}
