//! File permissions: only the user can read the mirror and the other files that a run keeps. For delivered files, the
//! job, the umask, and permissions that somebody has given decide.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;
use std::process::Command;

use crate::support::{Outcome, Sandbox, Work};

const SIZE: [&str; 8] = ["--contacts", "12", "--persons", "3", "--conversations", "4", "--messages", "20"];

fn sandbox() -> Sandbox {
    Sandbox::start(&[&SIZE[..], &["--requests-per-minute", "0"]].concat())
}

fn job(content: &str, further: &str) -> Work {
    Work::with_job(&format!(
        "name = \"test\"\n[source]\nclient_id = \"sandbox-client\"\nclient_secret = \"sandbox-secret\"\nrequests_per_minute = 0\n\
         [[destination]]\nkind = \"csv\"\npath = \"deep/out\"\ncontent = \"{content}\"\n{further}"
    ))
}

/// Runs under a umask.
fn run(work: &Work, sandbox: &Sandbox, umask: &str) -> Outcome {
    let plain = work.command(&["run", "job.toml", "--endpoint", &sandbox.endpoint]);
    let mut command = Command::new("sh");
    command.args(["-c", &format!("umask {umask}; exec \"$0\" \"$@\"")]).arg(plain.get_program()).args(plain.get_args());
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => drop(command.env(name, value)),
            None => drop(command.env_remove(name)),
        }
    }
    Outcome::of(&command.current_dir(work.path("")).output().expect("a run"))
}

#[track_caller]
fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap_or_else(|e| panic!("{}: {e}", path.display())).permissions().mode() & 0o7777
}

#[track_caller]
fn set(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("chmod");
}

/// Returns every file below a folder.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { all.extend(files(&path)) } else { all.push(path) }
    }
    all
}

#[test]
fn what_a_run_keeps_is_its_users_alone_and_what_it_delivers_is_no_wider_than_the_umask() {
    let sandbox = sandbox();
    for (umask, file, folder) in
        [("000", 0o640, 0o750), ("022", 0o640, 0o750), ("027", 0o640, 0o750), ("077", 0o600, 0o700)]
    {
        let work = job("changes", "");
        run(&work, &sandbox, umask).expect(0);
        for kept in files(&work.path("state")).iter().chain(&files(&work.path("shared"))) {
            assert_eq!(mode(kept), 0o600, "umask {umask}: {}", kept.display());
        }
        assert_eq!((mode(&work.path("state")), mode(&work.path("shared"))), (0o700, 0o700), "umask {umask}");
        let delivered = files(&work.path("deep/out"));
        assert!(delivered.len() >= 5, "{delivered:?}");
        for path in delivered.iter().filter(|path| !path.ends_with(".qpien-sync.lock")) {
            assert_eq!(mode(path), file, "umask {umask}: {}", path.display());
        }
        assert_eq!(mode(&work.path("deep/out/.qpien-sync.lock")), 0o600);
        for made in ["deep", "deep/out", "deep/out/messages"] {
            assert_eq!(mode(&work.path(made)), folder, "umask {umask}: {made}");
        }
    }
}

/// Only the user can read the mirror and its log while a run writes them. The run also narrows files that an older
/// version left readable to everybody.
#[test]
fn a_mirror_is_nobody_elses_while_it_is_written_and_where_it_was_wider_before() {
    let sandbox = Sandbox::start(&[&SIZE[..], &["--requests-per-minute", "0", "--latency", "40ms"]].concat());
    let work = job("snapshot", "");
    run(&work, &sandbox, "000").expect(0);
    for kept in files(&work.path("state")).iter().chain(&files(&work.path("shared"))) {
        set(kept, 0o666);
    }
    let mut command = work.command(&["run", "job.toml", "--endpoint", &sandbox.endpoint]);
    let mut child = command.stdout(std::process::Stdio::null()).spawn().expect("a run");
    let wal = work.path("state/qpien.db-wal");
    let mut seen = 0;
    while child.try_wait().expect("a child").is_none() {
        if let Ok(found) = std::fs::metadata(&wal) {
            assert_eq!(found.permissions().mode() & 0o777, 0o600, "the log");
            seen += 1;
        }
    }
    assert!(seen > 0, "the log was never seen");
    for kept in files(&work.path("state")).iter().chain(&files(&work.path("shared"))) {
        assert_eq!(mode(kept), 0o600, "{}", kept.display());
    }
}

#[test]
fn a_file_gets_the_mode_and_the_group_of_the_one_before_it() {
    let sandbox = sandbox();
    for content in ["snapshot", "changes"] {
        let work = job(content, "");
        run(&work, &sandbox, "022").expect(0);
        let (out, is_root) = (work.path("deep/out"), std::fs::metadata("/proc/self").expect("proc").uid() == 0);
        for path in files(&out).iter().filter(|path| !path.ends_with(".qpien-sync.lock")) {
            set(path, 0o664);
            if is_root {
                chown(path, None, Some(4242)).expect("chgrp");
            }
        }
        let before = files(&out).len();
        sandbox.bodiless("POST", "/sandbox/night?seed=1&changed=3&new=2&contacts=6&status=2");
        run(&work, &sandbox, "022").expect(0);
        let after = files(&out);
        assert!(content == "snapshot" || after.len() > before, "there is no new file");
        for path in after.iter().filter(|path| !path.ends_with(".qpien-sync.lock")) {
            let is_old =
                content == "changes" && std::fs::metadata(path).expect("a file").permissions().mode() & 0o20 != 0;
            assert!(is_old || mode(path) == 0o644, "no wider than the umask: {:o} {}", mode(path), path.display());
            if is_root {
                assert_eq!(std::fs::metadata(path).expect("a file").gid(), 4242, "{}", path.display());
            }
        }
        // A permission that somebody removed stays removed.
        for path in files(&out) {
            set(&path, 0o600);
        }
        sandbox.bodiless("POST", "/sandbox/night?seed=2&changed=3&new=2&contacts=6&status=2");
        run(&work, &sandbox, "000").expect(0);
        for path in files(&out) {
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
        work.call(&["verify", "job.toml"]).expect(0);
    }
}

#[test]
fn the_jobs_own_word_stands_above_all_of_that() {
    let sandbox = sandbox();
    for (text, file, folder) in [("0644", 0o644, 0o755), ("600", 0o600, 0o700), ("0664", 0o664, 0o775)] {
        let work = job("changes", &format!("mode = \"{text}\"\n"));
        run(&work, &sandbox, "022").expect(0);
        run(&work, &sandbox, "077").expect(0);
        for path in files(&work.path("deep/out")).iter().filter(|path| !path.ends_with(".qpien-sync.lock")) {
            assert_eq!(mode(path), file, "{text}: {}", path.display());
        }
        assert_eq!(mode(&work.path("deep/out")), folder & !0o022, "{text}");
    }
    for wrong in ["", "rw", "44", "0999", "0755", "0444", "4644", "00644", "0o644"] {
        let work = job("changes", &format!("mode = \"{wrong}\"\n"));
        let outcome = run(&work, &sandbox, "022").expect(2);
        assert!(outcome.stderr.contains("is no mode of a file"), "{wrong}: {}", outcome.stderr);
    }
}
