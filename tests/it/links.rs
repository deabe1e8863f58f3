//! Files of others: the program neither writes, reads nor removes them. It does not follow a link in the place of its
//! own file, a path in a forged manifest, or its way around a mirror among its output. No command hangs.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::foreign::{Foreign, Server};
use crate::support::{Outcome, Work};

const THEIRS: &[u8] = b"somebody else's, and it stays as it is\n";

fn job(destination: &str) -> String {
    format!(
        "name = \"test\"\nmode = \"incremental\"\n[source]\nclient_id = \"foreign-client\"\nclient_secret = \"foreign-secret\"\n\
         requests_per_minute = 0\nretry_for = \"1s\"\n[[destination]]\nkind = \"csv\"\npath = \"out\"\n{destination}"
    )
}

/// A folder with a job, beside a file of somebody else.
struct Place {
    work: Work,
    server: Server,
}

impl Place {
    fn new(destination: &str) -> Place {
        let work = Work::with_job(&job(destination));
        std::fs::write(work.path("theirs"), THEIRS).expect("written");
        Place { work, server: Foreign::default().start().0 }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.work.path(name)
    }

    /// Runs a command; fails the test if it hangs.
    fn call(&self, args: &[&str]) -> Outcome {
        let mut command = self.work.command(args);
        if matches!(args[0], "run" | "check") {
            command.args(["--endpoint", &self.server.endpoint]);
        }
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a command");
        let begun = Instant::now();
        while child.try_wait().expect("a child").is_none() {
            if begun.elapsed() > Duration::from_secs(120) {
                child.kill().expect("killed");
                panic!("{args:?} hangs");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let outcome = Outcome::of(&child.wait_with_output().expect("an outcome"));
        assert_eq!(std::fs::read(self.path("theirs")).expect("there"), THEIRS, "{args:?} {outcome:?}");
        outcome
    }

    fn run(&self) -> Outcome {
        self.call(&["run", "job.toml"])
    }

    /// Runs, and asserts that the run is refused before its first request.
    fn refused(&self, args: &[&str]) -> Outcome {
        let before = self.server.asked().len();
        let refused = self.call(&[&["run", "job.toml"], args].concat()).expect(2);
        assert_eq!(self.server.asked().len(), before, "{refused:?}");
        refused
    }

    fn link(&self, target: impl AsRef<Path>, name: &str) {
        let place = self.path(name);
        std::fs::create_dir_all(place.parent().expect("a folder")).expect("a folder");
        let _ = std::fs::remove_file(&place);
        std::os::unix::fs::symlink(target, place).expect("a link");
    }

    fn pipe(&self, name: &str) {
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        let _ = std::fs::remove_file(self.path(name));
        rustix::fs::mknodat(rustix::fs::CWD, self.path(name), rustix::fs::FileType::Fifo, mode, 0).expect("a pipe");
    }

    /// Writes another path for the contacts' first file into the manifest.
    fn name_instead(&self, path: &str) -> Value {
        let mut manifest = self.work.manifest();
        manifest["streams"]["contacts"]["files"][0]["path"] = json!(path);
        std::fs::write(self.path("out/manifest.json"), manifest.to_string()).expect("written");
        manifest
    }
}

#[test]
fn a_lock_is_no_link() {
    for lock in ["state/qpien.db.lock", "out/.qpien-sync.lock"] {
        let place = Place::new("");
        let theirs = place.path("theirs");
        place.link(&theirs, lock);
        let refused = place.run().expect(2);
        assert!(
            refused.stderr.contains(".lock: it is a link") || refused.stderr.contains("it is a link"),
            "{refused:?}"
        );
        // A link that leads nowhere does not create its target.
        place.link(place.path("nowhere"), lock);
        place.run().expect(2);
        assert!(!place.path("nowhere").exists());
        // A hard link to another file, and a file with other contents, are refused too.
        std::fs::remove_file(place.path(lock)).expect("removed");
        std::fs::hard_link(&theirs, place.path(lock)).expect("a second name");
        place.run().expect(2);
        std::fs::remove_file(place.path(lock)).expect("removed");
        std::fs::write(place.path(lock), THEIRS).expect("written");
        let refused = place.run().expect(2);
        assert!(refused.stderr.contains("is not ours"), "{refused:?}");
        assert_eq!(std::fs::read(place.path(lock)).expect("there"), THEIRS);
        for wrong in ["/dev/zero", "/dev/full"] {
            place.link(wrong, lock);
            place.run().expect(2);
        }
        place.pipe(lock);
        place.run().expect(2);
        assert_eq!(place.server.asked().len(), 0, "nothing was asked");
        std::fs::remove_file(place.path(lock)).expect("removed");
        place.run().expect(0);
    }
}

#[test]
fn a_budget_window_is_no_link() {
    let place = Place::new("");
    place.run().expect(0);
    let windows: Vec<PathBuf> =
        std::fs::read_dir(place.path("shared")).expect("windows").map(|e| e.expect("an entry").path()).collect();
    assert_eq!(windows.len(), 1);
    std::fs::remove_file(&windows[0]).expect("removed");
    std::os::unix::fs::symlink(place.path("theirs"), &windows[0]).expect("a link");
    let told = place.run().expect(0);
    assert!(told.stderr.contains("cannot be shared"), "{told:?}");
    std::fs::remove_file(&windows[0]).expect("removed");
    std::fs::hard_link(place.path("theirs"), &windows[0]).expect("a second name");
    place.run().expect(0);
}

#[test]
fn a_mirror_is_not_made_through_a_link() {
    let place = Place::new("");
    for target in ["nowhere", "empty", "theirs"] {
        std::fs::write(place.path("empty"), "").expect("written");
        place.link(place.path(target), "state/qpien.db");
        let refused = place.run();
        assert!([2, 7].contains(&refused.code), "{refused:?}");
        assert!(!place.path("nowhere").exists());
        assert_eq!(std::fs::read(place.path("empty")).expect("there"), b"");
    }
    for wrong in ["/dev/zero", "pipe"] {
        place.pipe("pipe");
        place.link(place.path(wrong), "state/qpien.db");
        for command in ["run", "status", "check"] {
            let told = place.call(&[command, "job.toml"]);
            assert!([2, 7].contains(&told.code), "{command} {told:?}");
        }
    }
    // A link to a mirror may be used, and both paths have one lock.
    std::fs::remove_file(place.path("state/qpien.db")).expect("removed");
    place.run().expect(0);
    std::fs::create_dir(place.path("elsewhere")).expect("a folder");
    place.link(place.path("state/qpien.db"), "elsewhere/way.db");
    place.call(&["run", "job.toml", "--mirror", "elsewhere/way.db"]).expect(0);
    let lock = std::fs::File::open(place.path("state/qpien.db.lock")).expect("a lock");
    lock.lock().expect("held");
    place.call(&["run", "job.toml", "--mirror", "elsewhere/way.db"]).expect(11);
}

/// The delivery folder itself may be a link. Below it the run follows no link, and refuses a pipe or a folder in the
/// place of a file.
#[test]
fn a_delivery_goes_through_no_link_below_its_folder() {
    let place = Place::new("content = \"changes\"\n");
    std::fs::create_dir(place.path("volume")).expect("a folder");
    place.link(place.path("volume"), "out");
    place.run().expect(0);
    assert!(place.path("volume/manifest.json").is_file() && place.path("volume/contacts").is_dir());
    place.call(&["verify", "out"]).expect(0);
    place.call(&["verify", "job.toml"]).expect(0);
    for (name, target) in [
        ("manifest.json", "theirs"),
        ("manifest.json", "/dev/zero"),
        ("contacts", "elsewhere"),
        ("messages.csv", "theirs"),
    ] {
        let place = Place::new("content = \"changes\"\n");
        std::fs::create_dir(place.path("elsewhere")).expect("a folder");
        std::fs::write(place.path("elsewhere/changes-000000000001-000000000002.csv"), THEIRS).expect("written");
        place.link(place.path(target), &format!("out/{name}"));
        for told in [place.refused(&[]), place.call(&["check", "job.toml"]).expect(2)] {
            assert!(format!("{}{}", told.stdout, told.stderr).contains(name), "{told:?}");
        }
        assert_eq!(std::fs::read_dir(place.path("elsewhere")).expect("there").count(), 1);
    }
    for what in ["a pipe", "a folder"] {
        let place = Place::new("");
        std::fs::create_dir(place.path("out")).expect("a folder");
        if what == "a pipe" {
            place.pipe("out/manifest.json");
        } else {
            std::fs::create_dir(place.path("out/contacts.csv")).expect("one");
        }
        let told = place.run().expect(2);
        assert!(told.stderr.contains("is no file, or a link"), "{told:?}");
    }
}

#[test]
fn verify_reads_nothing_that_is_not_ours() {
    let names = |place: &Place| {
        let absolute = place.path("theirs").display().to_string();
        let names = [
            "../theirs",
            "a/../../theirs",
            "./contacts.csv",
            "contacts/../messages.csv",
            "/dev/zero",
            "manifest.json",
            ".qpien-sync.lock",
            "other.csv",
            "",
            "contacts.csv\u{0}x",
        ];
        names.map(str::to_owned).into_iter().chain([absolute]).collect::<Vec<_>>()
    };
    let place = Place::new("");
    place.run().expect(0);
    let whole = place.work.manifest();
    for name in names(&place) {
        place.name_instead(&name);
        let told = place.call(&["verify", "out"]).expect(7);
        assert!(told.stdout.contains("no delivery gives a file this name"), "{name}: {told:?}");
    }
    std::fs::write(place.path("out/manifest.json"), whole.to_string()).expect("written");
    place.call(&["verify", "out"]).expect(0);
    let bytes = std::fs::read(place.path("out/contacts.csv")).expect("there");
    std::fs::write(place.path("copy.csv"), &bytes).expect("written");
    let there = place.path("out/contacts.csv");
    for wrong in ["copy.csv", "/dev/zero", "nowhere", "pipe", "folder"] {
        let _ = std::fs::remove_file(&there);
        match wrong {
            "pipe" => place.pipe("out/contacts.csv"),
            "folder" => std::fs::create_dir(&there).expect("a folder"),
            target => place.link(place.path(target), "out/contacts.csv"),
        }
        let told = place.call(&["verify", "out"]).expect(7);
        assert!(told.stdout.contains("contacts.csv: it is a"), "{wrong}: {told:?}");
    }
    for wrong in ["/dev/zero", "theirs", "pipe"] {
        if wrong == "pipe" {
            place.pipe("out/manifest.json");
        } else {
            place.link(place.path(wrong), "out/manifest.json");
        }
        place.call(&["verify", "out"]).expect(7);
    }
}

#[test]
fn a_foreign_manifest_removes_nothing() {
    for content in ["snapshot", "changes"] {
        let place = Place::new(&format!("content = \"{content}\"\n"));
        place.run().expect(0);
        std::fs::write(place.path("out/other.csv"), THEIRS).expect("written");
        let whole = place.work.manifest();
        let absolute = place.path("theirs").display().to_string();
        for name in ["../theirs", &absolute, "other.csv", ".qpien-sync.lock", "manifest.json", "job.toml"] {
            place.name_instead(name);
            for command in ["export", "run"] {
                let told = place.call(&[command, "job.toml"]).expect(2);
                assert!(told.stderr.contains("which no delivery writes"), "{name}: {told:?}");
            }
            for kept in ["out/other.csv", "out/.qpien-sync.lock", "out/manifest.json"] {
                assert!(place.path(kept).is_file(), "{name}: {kept}");
            }
        }
        std::fs::write(place.path("out/manifest.json"), whole.to_string()).expect("written");
        // If the format changes, the export removes the files of the former format and no other file.
        place.run().expect(0);
        if content == "snapshot" {
            let other = job("compression = \"gzip\"\n");
            std::fs::write(place.path("job.toml"), other).expect("written");
            place.call(&["export", "job.toml"]).expect(0);
            assert!(!place.path("out/contacts.csv").exists() && place.path("out/contacts.csv.gz").is_file());
        }
        assert_eq!(std::fs::read(place.path("out/other.csv")).expect("there"), THEIRS);
    }
}

#[test]
fn a_mirror_does_not_lie_where_its_output_goes() {
    let place = Place::new("");
    std::fs::create_dir_all(place.path("out")).expect("a folder");
    place.link(place.path("out"), "way");
    place.link(place.path("out/contacts.csv"), "link.db");
    for mirror in [
        "out/contacts.csv",
        "./out/./contacts.csv",
        "out/../out/messages.jsonl.zst",
        "new/../out/contacts.csv",
        "way/contacts-00001.csv",
        "link.db",
        "out/manifest.json",
        "out/.qpien-sync.lock",
        "out/.qpien-sync",
        "out/.qpien-sync-staging/m.db",
        "out/contacts/changes-000000000001-000000000002.csv",
        "out/CONTACTS.csv",
        "out",
    ] {
        let checked = place.call(&["check", "job.toml", "--mirror", mirror]).expect(2);
        for refused in [place.refused(&["--mirror", mirror]), checked] {
            let said = format!("{}{}", refused.stdout, refused.stderr);
            assert!(said.contains("lies where the job writes its output"), "{mirror}: {said}");
        }
    }
    // The mirror has a second name (a hard link) in the folder.
    place.run().expect(0);
    std::fs::remove_file(place.path("out/contacts.csv")).expect("removed");
    std::fs::hard_link(place.path("state/qpien.db"), place.path("out/contacts.csv")).expect("a second name");
    for command in ["run", "export"] {
        let refused = place.call(&[command, "job.toml"]).expect(2);
        assert!(refused.stderr.contains("lies where the job writes its output"), "{refused:?}");
    }
    std::fs::remove_file(place.path("out/contacts.csv")).expect("removed");
    // The mirror may lie in the folder under a name that no delivery uses.
    place.call(&["run", "job.toml", "--mirror", "out/state.db"]).expect(0);
}
