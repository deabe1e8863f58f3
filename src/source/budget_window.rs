//! The window of one API key, shared by every process and every mirror that uses the key, across restarts: a small
//! file in the user's state folder, named by a hash of endpoint and client id, read and written under its lock.
//!
//! It holds the pacer's theoretical arrival time and the end of a block, both in wall-clock nanoseconds since 1970,
//! because monotonic clocks of two processes cannot be compared. When the file cannot be used the window lives in
//! memory and the run says so: pacing one process well is better than not running.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::regular;

/// What is shared.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shared {
    /// When the next request would arrive if all came evenly spaced.
    pub theoretical_arrival: u64,
    /// No request before this moment: the server asked everybody to wait.
    pub blocked_until: u64,
    /// 429 answers in a row.
    pub strikes: u32,
}

/// A moment further ahead than this is a clock that was set back, not a promise.
const FARTHEST: Duration = Duration::from_secs(3600);

/// The longest window that is read.
const LONGEST: u64 = 4096;

/// The window of one key.
pub struct Window {
    file: Option<Mutex<File>>,
    memory: Mutex<Shared>,
}

impl Window {
    /// The file's path for a key.
    pub fn path(folder: &Path, endpoint: &str, client_id: &str) -> PathBuf {
        let digest = Sha256::digest(format!("{endpoint}\n{client_id}"));
        let hex = crate::hex::text(&digest[..12]);
        folder.join(format!("budget-{hex}.json"))
    }

    /// Opens the window at `path`, made when missing; a link is not followed.
    pub fn open(path: &Path) -> std::io::Result<Window> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        Ok(Window { file: Some(Mutex::new(regular::own(path)?)), memory: Mutex::default() })
    }

    /// A window that only this process knows.
    pub fn in_memory() -> Window {
        Window { file: None, memory: Mutex::default() }
    }

    /// Reads, changes and writes the window as one step among all processes. `now` is nanoseconds since 1970.
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
        // A file cut by a crash is an empty window: the server's headers correct it at the first answer.
        let before = believable(serde_json::from_str(&text).unwrap_or_default(), now);
        let mut after = before;
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

fn believable(shared: Shared, now: u64) -> Shared {
    let farthest = now.saturating_add(u64::try_from(FARTHEST.as_nanos()).unwrap_or(u64::MAX));
    let check = |moment: u64| if moment > farthest { 0 } else { moment };
    Shared {
        theoretical_arrival: check(shared.theoretical_arrival),
        blocked_until: check(shared.blocked_until),
        strikes: shared.strikes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_windows_on_one_file_are_one_window() {
        let dir = tempfile::tempdir().expect("dir");
        let path = Window::path(dir.path(), "https://x", "id");
        let (a, b) = (Window::open(&path).expect("a"), Window::open(&path).expect("b"));
        std::thread::scope(|s| {
            for w in [&a, &b] {
                s.spawn(move || (0..500).for_each(|_| w.update(1000, |x| x.theoretical_arrival += 1)));
            }
        });
        assert_eq!(a.update(1000, |x| x.theoretical_arrival), 1000);
        assert_ne!(path, Window::path(dir.path(), "https://x", "other"));
    }

    #[test]
    fn a_broken_file_is_an_empty_window_and_the_far_future_is_not_believed() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("w.json");
        std::fs::write(&path, "{\"theoretical_arr").expect("write");
        let w = Window::open(&path).expect("open");
        assert_eq!(w.update(5, |x| *x), Shared::default());
        w.update(5, |x| x.blocked_until = u64::MAX);
        assert_eq!(w.update(5, |x| x.blocked_until), 0);
    }
}
