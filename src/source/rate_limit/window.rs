//! Keeps the pacing state of one API key in a small file that every process and every mirror of the key share, across
//! restarts. The file is in the user's state folder, named by a hash of endpoint and client id, and is read and
//! written under its lock.
//!
//! The file holds the pacer's theoretical arrival time and the end of a block. Both are wall-clock nanoseconds since
//! 1970, because the monotonic clocks of two processes cannot be compared. If the file cannot be opened, the state is
//! in memory and the run reports that, because pacing one process well is better than not running.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::regular_file;

/// The state that the processes of a key share. Moments are nanoseconds since 1970.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shared {
    /// The moment at which the next request would be sent if all were evenly spaced.
    pub theoretical_arrival: u64,
    /// The end of the latest block: before this moment no request is sent. 0 if there was no block.
    pub blocked_until: u64,
    /// The beginning of the latest block: the moment of the 429.
    #[serde(default)]
    pub blocked_at: u64,
    /// The number of 429 answers in a row.
    pub strikes: u32,
}

impl Shared {
    /// Blocks every request until the moment `until`, unless a longer block is in force. `now` and `until` are
    /// nanoseconds since 1970.
    pub fn block(&mut self, now: u64, until: u64) {
        if until > self.blocked_until {
            (self.blocked_at, self.blocked_until) = (now, until);
        }
    }
}

/// The longest block that can be real. A longer one was stored without its beginning.
const LONGEST_BLOCK: Duration = Duration::from_secs(24 * 3600);
/// The longest rest of a block whose beginning is not known.
const OLDEST_BLOCK: Duration = Duration::from_secs(3600);
/// The longest wait that pacing can cause. A moment further ahead was stored while the clock was wrong, or the clock
/// was set back since.
const FARTHEST_PACE: Duration = Duration::from_secs(60);

/// The most bytes of the file that are read.
const LONGEST: u64 = 4096;

/// The shared pacing state of one key.
pub struct BudgetWindow {
    file: Option<Mutex<File>>,
    memory: Mutex<Shared>,
}

impl BudgetWindow {
    /// Returns the path of a key's file in `folder`.
    pub fn path(folder: &Path, endpoint: &str, client_id: &str) -> PathBuf {
        let digest = Sha256::digest(format!("{endpoint}\n{client_id}"));
        let hex = crate::hex::text(&digest[..12]);
        folder.join(format!("budget-{hex}.json"))
    }

    /// Opens the file at `path`, and creates it if it is missing. Does not follow a symbolic link. Fails if the file
    /// or its folder cannot be created or opened.
    pub fn open(path: &Path) -> std::io::Result<BudgetWindow> {
        if let Some(folder) = path.parent() {
            regular_file::private_folder(folder)?;
        }
        Ok(BudgetWindow { file: Some(Mutex::new(regular_file::own(path)?)), memory: Mutex::default() })
    }

    /// Creates a state that only this process uses, without a file.
    pub fn in_memory() -> BudgetWindow {
        BudgetWindow { file: None, memory: Mutex::default() }
    }

    /// Reads, changes and writes the state as one step among all processes, and returns the value of `change`. `now`
    /// is nanoseconds since 1970. If the file fails, changes a state in this process's memory instead.
    pub fn update<T>(&self, now: u64, change: impl Fn(&mut Shared) -> T) -> T {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = &self.file {
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            if let Ok(result) = update_file(&mut file, now, &change) {
                return result;
            }
        }
        *memory = believable(*memory, now);
        change(&mut memory)
    }
}

fn update_file<T>(file: &mut File, now: u64, change: impl Fn(&mut Shared) -> T) -> std::io::Result<T> {
    file.lock()?;
    let outcome = (|| {
        let mut text = String::new();
        file.seek(SeekFrom::Start(0))?;
        Read::by_ref(file).take(LONGEST).read_to_string(&mut text)?;
        // A file that a crash has cut counts as empty; the server's headers correct the state at the first answer.
        let before = serde_json::from_str(&text).unwrap_or_default();
        let mut after = believable(before, now);
        let result = change(&mut after);
        if after != before {
            let text = serde_json::to_vec(&after)?;
            file.seek(SeekFrom::Start(0))?;
            file.write_all(&text)?;
            file.set_len(text.len() as u64)?;
        }
        Ok(result)
    })();
    file.unlock()?;
    outcome
}

/// Returns a stored state without what cannot be true. Pacing waits for a minute at most. If the clock is before the
/// block's beginning, the clock was set back, and the block lasts its full length from `now`.
fn believable(shared: Shared, now: u64) -> Shared {
    let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    let mut believed = shared;
    believed.theoretical_arrival = shared.theoretical_arrival.min(now.saturating_add(nanos(FARTHEST_PACE)));
    let lasts = shared.blocked_until.saturating_sub(shared.blocked_at);
    if lasts > nanos(LONGEST_BLOCK) {
        // An older version, or anything else, wrote the end of the block without its beginning.
        let left = shared.blocked_until.saturating_sub(now);
        let until = if left > nanos(OLDEST_BLOCK) { 0 } else { shared.blocked_until };
        (believed.blocked_at, believed.blocked_until) = (now.min(until), until);
    } else if now < shared.blocked_at {
        (believed.blocked_at, believed.blocked_until) = (now, now + lasts);
    }
    believed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_windows_on_one_file_are_one_window() {
        let dir = tempfile::tempdir().expect("dir");
        let path = BudgetWindow::path(dir.path(), "https://x", "id");
        let (a, b) = (BudgetWindow::open(&path).expect("a"), BudgetWindow::open(&path).expect("b"));
        std::thread::scope(|s| {
            for w in [&a, &b] {
                s.spawn(move || (0..500).for_each(|_| w.update(1000, |x| x.theoretical_arrival += 1)));
            }
        });
        assert_eq!(a.update(1000, |x| x.theoretical_arrival), 1000);
        assert_ne!(path, BudgetWindow::path(dir.path(), "https://x", "other"));
    }

    #[test]
    fn a_broken_file_is_an_empty_window_and_the_far_future_is_not_believed() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("w.json");
        std::fs::write(&path, "{\"theoretical_arr").expect("write");
        let w = BudgetWindow::open(&path).expect("open");
        assert_eq!(w.update(5, |x| *x), Shared::default());
        w.update(5, |x| x.blocked_until = u64::MAX);
        assert_eq!(w.update(5, |x| x.blocked_until), 0);
    }

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_pace_is_believed_for_a_minute_and_the_minute_passes() {
        let dir = tempfile::tempdir().expect("dir");
        let w = BudgetWindow::open(&dir.path().join("w.json")).expect("open");
        w.update(0, |x| x.theoretical_arrival = 3000 * SECOND);
        let left = |now: u64| w.update(now * SECOND, |x| x.theoretical_arrival).saturating_sub(now * SECOND) / SECOND;
        assert_eq!((left(1), left(31), left(61), left(200)), (60, 30, 0, 0));
    }

    #[test]
    fn a_block_lasts_as_long_as_it_was_told_to_whatever_the_clock_shows() {
        let dir = tempfile::tempdir().expect("dir");
        let w = BudgetWindow::open(&dir.path().join("w.json")).expect("open");
        let day = 86_400;
        w.update(day * SECOND, |x| x.block(day * SECOND, (day + 300) * SECOND));
        let left = |now: u64| w.update(now * SECOND, |x| x.blocked_until).saturating_sub(now * SECOND) / SECOND;
        assert_eq!((left(day + 100), left(1000), left(1100), left(1300)), (200, 300, 200, 0));
        // The file as an older version wrote it.
        std::fs::write(
            dir.path().join("w.json"),
            r#"{"theoretical_arrival":0,"blocked_until":2000000000000,"strikes":1}"#,
        )
        .expect("written");
        assert_eq!((left(1900), left(1950), left(2001)), (100, 50, 0));
    }
}
