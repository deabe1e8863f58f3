//! A TCP proxy between a client and a server. It cuts connections where a test says: after a number of bytes, or at a
//! certain request, before the request arrives or instead of its answer. It adds no delay, and records every request
//! that began.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// The proxy.
pub struct Proxy {
    /// `127.0.0.1:PORT`
    pub address: String,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// The request lines, such as `PUT /bucket/key`.
    requests: Vec<String>,
    /// Bytes received from clients.
    sent: u64,
    /// Cuts, in bytes received from clients; the next cut is the last element.
    cuts: Vec<u64>,
    /// For a part of a request line: the action at the first request whose line contains it.
    acts: Vec<(String, Act)>,
    /// `true` if the proxy refuses every connection.
    down: bool,
}

enum Act {
    /// The server gets the request, and the client never gets the answer.
    LoseAnswer,
    /// Nothing: a later action is meant for the next such request.
    Pass,
    /// The request waits until the test lets it go on or cuts it.
    Hold { held: Sender<()>, cut: Receiver<()> },
}

/// A request that waits. Dropping this lets the request go on.
pub struct Held {
    held: Receiver<()>,
    cut: Sender<()>,
}

impl Held {
    /// Waits until the request has come. Fails the test after 300 s, instead of waiting for ever.
    pub fn wait(&self) {
        self.held.recv_timeout(Duration::from_secs(300)).expect("the request comes");
    }

    /// Cuts the connection, so that the server never gets the request.
    pub fn cut(self) {
        self.cut.send(()).expect("it waits");
    }
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no panic")
    }
}

impl Proxy {
    /// Starts to listen in front of `server`.
    pub fn start(server: &str) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let state = Arc::new(State::default());
        let (shared, server) = (state.clone(), server.to_owned());
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if shared.lock().down {
                    continue;
                }
                let Ok(upstream) = TcpStream::connect(&server) else { continue };
                connect(&shared, client, upstream);
            }
        });
        Proxy { address, state }
    }

    /// Cuts a connection at each of these numbers of bytes from now on.
    pub fn cut_after(&self, bytes: impl IntoIterator<Item = u64>) {
        let mut inner = self.state.lock();
        let sent = inner.sent;
        inner.cuts = bytes.into_iter().map(|n| sent + n).collect();
        inner.cuts.sort_unstable_by(|a, b| b.cmp(a));
    }

    /// Returns the number of cuts that have not happened yet.
    pub fn cuts_left(&self) -> usize {
        self.state.lock().cuts.len()
    }

    /// Loses the answer to the next request whose line contains `what`.
    pub fn lose_answer(&self, what: &str) {
        self.state.lock().acts.push((what.to_owned(), Act::LoseAnswer));
    }

    /// Holds the next request whose line contains `what`.
    pub fn hold(&self, what: &str) -> Held {
        let ((held, was_held), (cut, is_cut)) = (channel(), channel());
        self.state.lock().acts.push((what.to_owned(), Act::Hold { held, cut: is_cut }));
        Held { held: was_held, cut }
    }

    /// Lets the next request whose line contains `what` pass: a later action applies to the one after it.
    pub fn let_pass(&self, what: &str) {
        self.state.lock().acts.push((what.to_owned(), Act::Pass));
    }

    /// Refuses every connection from now on, or stops doing so.
    pub fn down(&self, down: bool) {
        self.state.lock().down = down;
    }

    /// Returns the number of actions that have not happened yet.
    pub fn acts_left(&self) -> usize {
        self.state.lock().acts.len()
    }

    /// Returns the bytes received from clients so far.
    pub fn sent(&self) -> u64 {
        self.state.lock().sent
    }

    /// Returns the lines of all requests so far.
    pub fn requests(&self) -> Vec<String> {
        self.state.lock().requests.clone()
    }
}

fn connect(state: &Arc<State>, client: TcpStream, server: TcpStream) {
    let lost = Arc::new(AtomicBool::new(false));
    let (mut from, mut to) = (client.try_clone().expect("a handle"), server.try_clone().expect("a handle"));
    let (shared, to_lose) = (state.clone(), lost.clone());
    std::thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(n) = from.read(&mut buffer)
            && n > 0
        {
            let Some(whole) = passes(&shared, &buffer[..n], &to_lose) else { break };
            if to.write_all(&buffer[..whole]).is_err() || whole < n {
                break;
            }
        }
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    });
    let (mut from, mut to) = (server, client);
    let state = state.clone();
    std::thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(n) = from.read(&mut buffer)
            && n > 0
        {
            let stop = lost.load(Ordering::SeqCst) || state.lock().down;
            if stop || to.write_all(&buffer[..n]).is_err() {
                break;
            }
        }
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    });
}

/// Returns how many of these bytes the server gets, or `None` if the connection ends before them.
fn passes(state: &State, bytes: &[u8], lose: &AtomicBool) -> Option<usize> {
    let act = line(bytes).and_then(|line| {
        let mut inner = state.lock();
        inner.requests.push(line.clone());
        let at = inner.acts.iter().position(|(what, _)| line.contains(what.as_str()))?;
        Some(inner.acts.remove(at).1)
    });
    match act {
        Some(Act::LoseAnswer) => lose.store(true, Ordering::SeqCst),
        Some(Act::Hold { held, cut }) => {
            let _ = held.send(());
            if cut.recv().is_ok() {
                return None;
            }
        }
        Some(Act::Pass) | None => {}
    }
    let mut inner = state.lock();
    if inner.down {
        return None;
    }
    let before = inner.sent;
    inner.sent += bytes.len() as u64;
    match inner.cuts.last().copied().filter(|cut| *cut < inner.sent) {
        None => Some(bytes.len()),
        Some(cut) => {
            inner.cuts.pop();
            Some(usize::try_from(cut.saturating_sub(before)).expect("less than were read"))
        }
    }
}

/// Returns the line, without its version, of the request that begins here.
fn line(bytes: &[u8]) -> Option<String> {
    let methods: [&[u8]; 5] = [b"GET /", b"HEAD /", b"PUT /", b"POST /", b"DELETE /"];
    let end = bytes.windows(11).position(|w| w.starts_with(b" HTTP/1.1\r\n"))?;
    let is_request = methods.iter().any(|method| bytes.starts_with(method));
    is_request.then(|| String::from_utf8_lossy(&bytes[..end]).into_owned())
}
