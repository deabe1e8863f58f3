//! A destination that refuses permanently: the reading goes on, the other destinations are served each night, and
//! this one gets everything once it accepts again. A full disk is a temporary failure, and leaves no staged files
//! that would fill it further.

use std::path::Path;
use std::process::Command;

use crate::support::{Outcome, STREAMS, Sandbox, Work, ids};

fn sandbox(messages: &str) -> Sandbox {
    let size = ["--contacts", "60", "--persons", "5", "--conversations", "12", "--messages", messages];
    Sandbox::start(&[&size[..], &["--requests-per-minute", "0"]].concat())
}

const SOURCE: &str = "name = \"test\"\nmode = \"incremental\"\n[source]\nclient_id = \"sandbox-client\"\n\
    client_secret = \"sandbox-secret\"\nrequests_per_minute = 0\naudit = 0\n";

fn run(work: &Work, sandbox: &Sandbox) -> Outcome {
    work.call(&["run", "job.toml", "--endpoint", &sandbox.endpoint])
}

fn night(sandbox: &Sandbox, seed: u64) {
    sandbox.bodiless("POST", &format!("/sandbox/night?seed={seed}&changed=4&new=2&contacts=3&status=2"));
}

#[track_caller]
fn is_whole(work: &Work, sandbox: &Sandbox, what: &str) {
    for stream in STREAMS {
        assert_eq!(ids(work, stream), sandbox.truth(stream).keys().cloned().collect::<Vec<_>>(), "{what}: {stream}");
    }
}

/// Runs some nights during which the feed refuses; `spoil` causes that and `mend` ends it.
fn nights(what: &str, spoil: fn(&Path), mend: fn(&Path)) {
    let sandbox = sandbox("120");
    let work = Work::with_job(&format!(
        "{SOURCE}[[destination]]\nkind = \"jsonl\"\npath = \"feed\"\ncontent = \"changes\"\n\
         [[destination]]\nkind = \"csv\"\npath = \"out\"\n"
    ));
    run(&work, &sandbox).expect(0);
    spoil(&work.path("feed"));
    for seed in 1..=4 {
        night(&sandbox, seed);
        let before = sandbox.counts()["requests"].as_u64().expect("a count");
        let outcome = run(&work, &sandbox);
        assert_eq!(outcome.code, 1, "{what}, night {seed}: {}", outcome.stderr);
        assert!(outcome.stderr.contains("not delivered"), "{what}: {}", outcome.stderr);
        // The hint is the one for this failure, not a general one.
        assert!(outcome.stderr.contains(" hint: give the job a place of its own"), "{what}: {}", outcome.stderr);
        assert!(sandbox.counts()["requests"].as_u64().expect("a count") > before, "{what}: it was read");
        is_whole(&work, &sandbox, &format!("{what}, night {seed}"));
    }
    mend(&work.path("feed"));
    run(&work, &sandbox).expect(0);
    work.call(&["verify", "job.toml"]).expect(0);
}

#[test]
fn a_link_among_its_folders_keeps_nobody_else_from_theirs() {
    nights(
        "a link",
        |feed| {
            std::fs::rename(feed.join("messages"), feed.join("moved")).expect("moved");
            std::os::unix::fs::symlink("moved", feed.join("messages")).expect("a link");
        },
        |feed| {
            std::fs::remove_file(feed.join("messages")).expect("removed");
            std::fs::rename(feed.join("moved"), feed.join("messages")).expect("moved back");
        },
    );
}

/// The other destinations are also served if a feed fails only during its delivery, which leaves a range pinned.
#[test]
fn a_file_in_the_place_of_a_folder_keeps_nobody_else_from_theirs() {
    nights(
        "a file",
        |feed| {
            std::fs::rename(feed.join("messages"), feed.join("moved")).expect("moved");
            std::fs::write(feed.join("messages"), "theirs").expect("a file");
        },
        |feed| {
            std::fs::remove_file(feed.join("messages")).expect("removed");
            std::fs::rename(feed.join("moved"), feed.join("messages")).expect("moved back");
        },
    );
}

#[test]
fn a_manifest_that_is_none_keeps_nobody_else_from_theirs() {
    nights(
        "a manifest",
        |feed| {
            std::fs::rename(feed.join("manifest.json"), feed.join("saved.json"))
                .and_then(|()| std::fs::write(feed.join("manifest.json"), "{}"))
                .expect("written");
        },
        |feed| std::fs::rename(feed.join("saved.json"), feed.join("manifest.json")).expect("put back"),
    );
}

/// If a destination holds another mirror's feed, the run ends before its first request, whatever other destinations
/// there are.
#[test]
fn another_mirrors_feed_stops_the_run_before_anything_is_read() {
    let sandbox = sandbox("120");
    let job = format!(
        "{SOURCE}[[destination]]\nkind = \"jsonl\"\npath = \"feed\"\ncontent = \"changes\"\n\
         [[destination]]\nkind = \"csv\"\npath = \"out\"\n"
    );
    let (one, other) = (Work::with_job(&job), Work::with_job(&job));
    run(&one, &sandbox).expect(0);
    run(&other, &sandbox).expect(0);
    std::fs::remove_dir_all(one.path("feed")).expect("removed");
    std::fs::rename(other.path("feed"), one.path("feed")).expect("moved");
    let before = sandbox.counts()["requests"].as_u64().expect("a count");
    let outcome = run(&one, &sandbox).expect(2);
    assert!(outcome.stderr.contains("another mirror"), "{}", outcome.stderr);
    assert_eq!(sandbox.counts()["requests"].as_u64().expect("a count"), before);
}

// ---- full disks

/// Runs a script, which starts the run, in a mount namespace where `place` is a disk of `kib` KiB. `None` if this
/// machine cannot.
fn on_a_small_disk(work: &Work, sandbox: &Sandbox, kib: u32, place: &str, script: &str) -> Option<Outcome> {
    std::fs::create_dir_all(work.path(place)).expect("a folder");
    let plain = work.command(&["run", "job.toml", "--endpoint", &sandbox.endpoint]);
    let mut command = Command::new("unshare");
    let script = format!("mount -t tmpfs -o size={kib}k tmpfs {place} || exit 99; {script}");
    command.args(["-rm", "sh", "-c", &script]).arg(plain.get_program()).args(plain.get_args());
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => drop(command.env(name, value)),
            None => drop(command.env_remove(name)),
        }
    }
    let outcome = Outcome::of(&command.current_dir(work.path("")).output().ok()?);
    let is_allowed = outcome.code != 99 && !outcome.stderr.contains("unshare");
    if !is_allowed {
        eprintln!("no small disk can be made here: {}", outcome.stderr);
    }
    is_allowed.then_some(outcome)
}

#[test]
fn a_delivery_that_fails_leaves_no_staging_and_the_next_run_delivers() {
    let sandbox = sandbox("3000");
    for kind in ["csv", "jsonl"] {
        let work = Work::with_job(&format!("{SOURCE}[[destination]]\nkind = \"{kind}\"\npath = \"out\"\n"));
        // The second run has room, and delivers from the mirror.
        let script = "\"$0\" \"$@\"; echo \"first $?\"; ls -A out; df --output=used out | tail -1; \
                      mount -o remount,size=64m out; \"$0\" \"$@\"; echo \"second $?\"";
        let Some(outcome) = on_a_small_disk(&work, &sandbox, 200, "out", script) else { return };
        assert!(outcome.stdout.contains("first 1"), "{}{}", outcome.stdout, outcome.stderr);
        assert!(outcome.stderr.contains("No space left"), "{}", outcome.stderr);
        assert!(!outcome.stdout.contains(".qpien-sync-staging"), "{}", outcome.stdout);
        assert!(outcome.stdout.contains("second 0"), "{}{}", outcome.stdout, outcome.stderr);
    }
}

#[test]
fn a_full_disk_has_one_exit_code_wherever_it_is_met() {
    let sandbox = sandbox("3000");
    let job = |path: &str| {
        Work::with_job(&format!(
            "{SOURCE}[mirror]\npath = \"state/m.db\"\n[[destination]]\nkind = \"csv\"\npath = \"{path}\"\n"
        ))
    };
    let full = "head -c 4m /dev/zero > $(dirname WHERE)/filler 2> /dev/null; \"$0\" \"$@\"; echo \"ended $?\"";
    for (place, room, script) in [
        ("out", 200, "\"$0\" \"$@\"; echo \"ended $?\"".to_owned()),
        ("out", 200, full.replace("WHERE", "out/x")),
        ("state", 300, "\"$0\" \"$@\"; echo \"ended $?\"".to_owned()),
        ("state", 200, full.replace("WHERE", "state/x")),
    ] {
        let work = job("out");
        let Some(outcome) = on_a_small_disk(&work, &sandbox, room, place, &script) else { return };
        assert!(outcome.stdout.contains("ended 1"), "{place} {script}: {}{}", outcome.stdout, outcome.stderr);
        assert!(outcome.stderr.contains("free some space"), "{place} {script}: {}", outcome.stderr);
    }
}
