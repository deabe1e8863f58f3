//! A wire to a PostgreSQL server that a test may cut at any message a client sends.
#![allow(dead_code)] // each test binary uses its part

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

/// When it happens, counted from 0 since it was armed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// At the client's message of this number.
    Message(u64),
    /// At its COMMIT of this number.
    Commit(u64),
}

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The message does not arrive, and the connection is gone.
    Cut,
    /// The message arrives, the server does what it says, and the answer is lost with the connection.
    AnswerLost,
    /// The message does not arrive, and nothing else: the test does something, and the wire is cut when it is released.
    Held,
}

#[derive(Default)]
struct State {
    armed: Option<(Moment, Fate)>,
    /// Nobody connects any more once it has happened.
    for_good: bool,
    is_dead: bool,
    messages: u64,
    commits: u64,
}

/// The wire.
pub struct Wire {
    /// Where clients connect.
    pub port: u16,
    state: Arc<Mutex<State>>,
    happened: Receiver<Sender<()>>,
}

impl Wire {
    /// A wire to the server at this port. Its threads end with the test process.
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
                // The server may be dead for now.
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

    /// From now on this happens at that moment, once; for good, or such that a client may connect again.
    pub fn arm(&self, moment: Moment, fate: Fate, for_good: bool) {
        *self.state() = State { armed: Some((moment, fate)), for_good, ..State::default() };
    }

    /// Passes everything from now on; whether what was armed has happened.
    pub fn mend(&self) -> bool {
        let happened = self.state().armed.is_none();
        *self.state() = State::default();
        happened
    }

    /// Messages of clients since it was armed or mended.
    pub fn messages(&self) -> u64 {
        self.state().messages
    }

    /// What is held, if something is: dropping it cuts the wire.
    pub fn held(&self) -> Option<Sender<()>> {
        self.happened.try_recv().ok()
    }
}

/// One connection: messages of the client are told apart, the server's answers are not.
fn connection(mut client: TcpStream, mut server: TcpStream, state: &Mutex<State>, told: &Sender<Sender<()>>) {
    // Messages are small, and wait for none.
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
            Some(Fate::AnswerLost) => {
                lost.store(true, std::sync::atomic::Ordering::SeqCst);
                let _ = server.write_all(&message);
                // The server's answer ends it.
                let _ = answers.join();
                return;
            }
            Some(Fate::Held) => {
                let (release, released) = channel();
                if told.send(release).is_ok() {
                    let _ = released.recv();
                }
                break;
            }
            Some(Fate::Cut) => break,
        }
        if server.write_all(&message).is_err() {
            break;
        }
    }
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
}

fn fate(state: &mut State, message: &[u8]) -> Option<Fate> {
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

/// The client's next message, whole; the first one has no letter in front of its length.
fn message(client: &mut TcpStream, is_first: bool) -> Option<Vec<u8>> {
    let head = if is_first { 4 } else { 5 };
    let mut message = vec![0; head];
    client.read_exact(&mut message).ok()?;
    let length = u32::from_be_bytes(message[head - 4..].try_into().ok()?) as usize;
    message.resize(head - 4 + length, 0);
    client.read_exact(&mut message[head..]).ok()?;
    Some(message)
}
