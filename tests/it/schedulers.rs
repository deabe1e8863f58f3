//! The ready-made jobs in `jobs/`: the parser of the scheduler that will read it accepts each file, and this binary
//! accepts each command line in it, with a job that it can read.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Work, python};

fn jobs(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("jobs").join(path)
}

/// Returns what `tests/support/schedulers.py` finds in these files: command lines, and the files that they bring
/// along.
fn read(kind: &str, files: &[PathBuf]) -> (Vec<Vec<String>>, Vec<(String, String)>) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/schedulers.py");
    let output = Command::new(python()).args(["-B", script, kind]).args(files).output().expect("python");
    assert!(output.status.success(), "{kind}: {}", String::from_utf8_lossy(&output.stderr));
    let read: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let commands = serde_json::from_value(read["commands"].clone()).expect("commands");
    let files = read["files"].as_object().expect("files").iter();
    (commands, files.map(|(name, text)| (name.clone(), text.as_str().expect("text").to_owned())).collect())
}

/// Asserts that the binary accepts every command line. It reads the job from `files`, or else from the shipped jobs.
#[track_caller]
fn accepted(commands: &[Vec<String>], files: &[(String, String)]) {
    assert!(!commands.is_empty());
    let work = Work::with_job("");
    for entry in std::fs::read_dir(jobs("")).expect("jobs").flatten().filter(|e| e.path().is_file()) {
        std::fs::copy(entry.path(), work.path(&entry.file_name().to_string_lossy())).expect("copied");
    }
    for (name, text) in files {
        std::fs::write(work.path(name), text).expect("written");
    }
    for command in commands {
        let [binary, arguments @ ..] = &command[..] else { panic!("an empty command") };
        assert!(binary.ends_with("qpien-sync"), "{command:?}");
        let [.., job] = arguments else { panic!("no job in {command:?}") };
        let job = Path::new(job).file_name().expect("a job").to_str().expect("text");
        let mut here: Vec<&str> = arguments.iter().map(String::as_str).collect();
        *here.last_mut().expect("a job") = job;
        here.push("--print-config");
        let shown = work.call(&here).expect(0).stdout;
        assert!(shown.contains("mirror.path = ") || shown.contains("holds none"), "{command:?}: {shown}");
    }
}

#[test]
fn kubernetes_takes_the_manifests() {
    for file in ["kubernetes/cronjob.yaml", "kubernetes/shards.yaml"] {
        let (commands, files) = read("kubernetes", &[jobs(file)]);
        accepted(&commands, &files);
    }
}

#[test]
fn cron_takes_the_crontab() {
    let (commands, files) = read("cron", &[jobs("cron/crontab")]);
    assert_eq!(commands.len(), 3, "those that are commented out, too");
    accepted(&commands, &files);
}

#[test]
fn airflow_maps_one_task_a_part() {
    let stub = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/airflow");
    let (commands, _) = read("airflow", &[jobs("airflow/qpien_sync.py"), stub]);
    assert_eq!(commands.len(), 16);
    let (_, files) = read("kubernetes", &[jobs("kubernetes/shards.yaml")]);
    accepted(&commands, &files);
}

/// Runs `systemd-analyze verify` on both units as instances, with these replacements in the service; returns its
/// output.
fn verified(replaced: &[(&str, &str)]) -> String {
    let dir = tempfile::tempdir().expect("a folder");
    let unit = |kind: &str| dir.path().join(format!("qpien-sync@nightly-csv.{kind}"));
    let mut service = std::fs::read_to_string(jobs("systemd/qpien-sync@.service")).expect("a unit");
    for (from, to) in replaced {
        assert!(service.contains(from), "{from}");
        service = service.replace(from, to);
    }
    std::fs::write(unit("service"), service).expect("written");
    std::fs::copy(jobs("systemd/qpien-sync@.timer"), unit("timer")).expect("copied");
    let output = Command::new("systemd-analyze").arg("verify").args([unit("service"), unit("timer")]).output();
    let output = output.expect("systemd-analyze (make test installs it)");
    let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    // Findings about other units of this machine do not count.
    let ours: Vec<&str> = said.lines().filter(|line| line.contains("qpien-sync@")).collect();
    assert!(output.status.success() || !ours.is_empty(), "{said}");
    ours.join("\n")
}

#[test]
fn systemd_takes_the_units() {
    // The binary under test stands in for the one that is installed.
    let binary = ("/usr/local/bin/qpien-sync", crate::support::BINARY);
    assert_eq!(verified(&[binary]), "");
    assert!(verified(&[binary, ("RestartSec=15min", "RestartSec=soon")]).contains("soon"), "it is looked at");
    assert!(verified(&[]).contains("/usr/local/bin/qpien-sync"), "nothing is installed there");
    let service = std::fs::read_to_string(jobs("systemd/qpien-sync@.service")).expect("a unit");
    let line = |key: &str| service.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_else(|| panic!("{key}"));
    assert_eq!((line("SuccessExitStatus="), line("RestartPreventExitStatus=")), ("4", "2 5 7"));
    let command = line("ExecStart=").replace("%i", "nightly-csv");
    accepted(&[command.split_whitespace().map(str::to_owned).collect()], &[]);
}

#[test]
fn a_root_that_is_read_only_has_a_folder_for_temporary_files() {
    for (file, mount) in [
        ("kubernetes/cronjob.yaml", "mountPath: /tmp"),
        ("kubernetes/shards.yaml", "mountPath: /tmp"),
        ("airflow/qpien_sync.py", "mount_path=\"/tmp\""),
    ] {
        let text = std::fs::read_to_string(jobs(file)).expect(file);
        assert!(text.contains(mount), "{file}");
    }
}
