//! A connection to a PostgreSQL server that a test can cut at any message of a client.
#![allow(dead_code)] // each test binary uses its part

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

/// The moment at which it is cut, counted from 0 since [`Wire::arm`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// At the client's message of this number.
    Message(u64),
    /// At the client's COMMIT of this number.
    Commit(u64),
}

/// The way in which it is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CutMode {
    /// The message does not arrive, and the connection breaks.
    Cut,
    /// The message arrives and the server acts on it, but the connection breaks before the answer.
    AnswerLost,
    /// The message does not arrive and the client waits: the test acts, and the connection breaks when the test
    /// releases it.
    Held,
}

#[derive(Default)]
struct State {
    armed: Option<(Moment, CutMode)>,
    /// `true` if no client can connect any more after the cut.
    for_good: bool,
    is_dead: bool,
    messages: u64,
    commits: u64,
}

/// The connection.
pub struct Wire {
    /// The port for clients.
    pub port: u16,
    state: Arc<Mutex<State>>,
    happened: Receiver<Sender<()>>,
}

impl Wire {
    /// Returns a wire to the server at this port. Its threads end with the test process.
    pub fn to(server: u16) -> Wire {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let state: Arc<Mutex<State>> = Arc::default();
        let (told, happened) = channel();
        let shared = state.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if shared.lock().unwrap_or_else(PoisonError::into_inner).is_dead {
                    continue;
                }
                // The server may be down for now.
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else { continue };
                let (state, told) = (shared.clone(), told.clone());
                std::thread::spawn(move || connection(client, server, &state, &told));
            }
        });
        Wire { port, state, happened }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Arms one cut. `for_good` also refuses every later connection.
    pub fn arm(&self, moment: Moment, fate: CutMode, for_good: bool) {
        *self.state() = State { armed: Some((moment, fate)), for_good, ..State::default() };
    }

    /// Ends every cut. Returns `true` if the armed cut has happened.
    pub fn mend(&self) -> bool {
        let happened = self.state().armed.is_none();
        *self.state() = State::default();
        happened
    }

    /// Returns the number of client messages since [`Wire::arm`] or [`Wire::mend`].
    pub fn messages(&self) -> u64 {
        self.state().messages
    }

    /// Returns the release of a held message, or `None` if no message is held. Dropping it cuts the wire.
    pub fn held(&self) -> Option<Sender<()>> {
        self.happened.try_recv().ok()
    }
}

/// Serves one connection. It splits the client's messages, but forwards the server's answers as bytes.
fn connection(mut client: TcpStream, mut server: TcpStream, state: &Mutex<State>, told: &Sender<Sender<()>>) {
    // Messages are small and must not wait for others.
    for socket in [&client, &server] {
        socket.set_nodelay(true).expect("a socket");
    }
    let (mut from_server, mut to_client) =
        (server.try_clone().expect("a socket"), client.try_clone().expect("a socket"));
    let lost = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let is_lost = lost.clone();
    let answers = std::thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(n) = from_server.read(&mut buffer) {
            let lost = is_lost.load(std::sync::atomic::Ordering::SeqCst);
            if n == 0 || lost || to_client.write_all(&buffer[..n]).is_err() {
                break;
            }
        }
        let _ = to_client.shutdown(Shutdown::Both);
        let _ = from_server.shutdown(Shutdown::Both);
    });
    let mut is_first = true;
    while let Some(message) = message(&mut client, is_first) {
        is_first = false;
        let fate = fate(&mut state.lock().unwrap_or_else(PoisonError::into_inner), &message);
        match fate {
            None => {}
            Some(CutMode::AnswerLost) => {
                lost.store(true, std::sync::atomic::Ordering::SeqCst);
                let _ = server.write_all(&message);
                // The server's answer ends the connection.
                let _ = answers.join();
                return;
            }
            Some(CutMode::Held) => {
                let (release, released) = channel();
                if told.send(release).is_ok() {
                    let _ = released.recv();
                }
                break;
            }
            Some(CutMode::Cut) => break,
        }
        if server.write_all(&message).is_err() {
            break;
        }
    }
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
}

fn fate(state: &mut State, message: &[u8]) -> Option<CutMode> {
    let is_commit = message.first() == Some(&b'Q') && message[5..].starts_with(b"COMMIT");
    let here = match state.armed {
        Some((Moment::Message(n), _)) => n == state.messages,
        Some((Moment::Commit(n), _)) => is_commit && n == state.commits,
        None => false,
    };
    state.messages += 1;
    state.commits += u64::from(is_commit);
    if !here {
        return None;
    }
    state.is_dead = state.for_good;
    state.armed.take().map(|(_, fate)| fate)
}

/// Reads the client's next message. Only the first message has no type letter before its length.
fn message(client: &mut TcpStream, is_first: bool) -> Option<Vec<u8>> {
    let head = if is_first { 4 } else { 5 };
    let mut message = vec![0; head];
    client.read_exact(&mut message).ok()?;
    let length = u32::from_be_bytes(message[head - 4..].try_into().ok()?) as usize;
    message.resize(head - 4 + length, 0);
    client.read_exact(&mut message[head..]).ok()?;
    Some(message)
}
