//! Generated servers (`tests/support/generated/mod.rs`). Discovery finds exactly what the generator knows. A whole
//! run on a fresh mirror, without a line of dialect in the job file, ends complete with the files of the server's
//! truth.
//!
//! If an argument has no sensible value, the run ends with exit code 2 and names it. No run is green with wrong
//! files. A test run takes a few seeds, `make soak` four times `SOAK_SEEDS`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use qpien_sync::dialect::{Dialect, DialectLayer};
use qpien_sync::discovery::infer::{self, Open, Settled};
use qpien_sync::discovery::introspect;
use qpien_sync::discovery::schema::Schema;
use qpien_sync::source::server::Reply;
use qpien_sync::streams::Stream;

use crate::support::generated::{Expected, Generated, Token, UNKNOWN, generate};
use crate::support::{STREAMS, Sandbox, Work, compared};

const ACCOUNT: [&str; 10] =
    ["--contacts", "60", "--persons", "7", "--conversations", "25", "--messages", "400", "--requests-per-minute", "0"];

/// Number of servers that are tested side by side.
const WORKERS: usize = 3;

/// The way in which a run on a generated server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// Exit code 0, and every file equals the truth.
    Complete,
    /// Exit code 2, and the run named every argument that has no sensible value.
    Named,
    /// Exit code 3, and the run said that it is incomplete.
    Incomplete,
}

fn served(seed: u64, work: &Work, sdl: &str) -> Sandbox {
    std::fs::write(work.path("api.graphql"), sdl).expect("the schema");
    let file = work.path("api.graphql").display().to_string();
    Sandbox::start(&[&ACCOUNT[..], &["--seed", &seed.to_string(), "--sdl", &file]].concat())
}

fn settled_list(schema: &Schema, stream: Stream) -> Result<Expected, String> {
    let Settled { layer, open, .. } =
        infer::stream(schema, stream, &DialectLayer::default()).ok_or_else(|| format!("nothing lists {stream}"))?;
    let dialect = Dialect::with(&layer).map_err(|e| e.to_string())?;
    let part = dialect.stream(stream).map_err(|e| e.to_string())?;
    Ok(Expected {
        operation: part.operation.clone(),
        items: part.list.items.clone(),
        paging: part.list.paging,
        page: part.list.page.clone(),
        size: part.list.size.clone(),
        total: part.list.total.clone(),
        has_next: part.list.has_next.clone(),
        next_cursor: part.list.next_cursor.clone(),
        parent: part.parent.clone().unwrap_or_default(),
        open: unknown(&open),
    })
}

/// Returns the arguments that no client can know and that these open questions name.
fn unknown(open: &[Open]) -> Vec<&'static str> {
    let named = |word: &&str| {
        open.iter().any(|o| o.what.contains(&format!("`{word}`")) || o.what.contains(&format!(".{word}`")))
    };
    UNKNOWN.into_iter().filter(named).collect()
}

fn settled_token(schema: &Schema) -> Result<Token, String> {
    let Settled { layer, open, .. } = infer::token(schema, &DialectLayer::default());
    let token = Dialect::with(&layer).map_err(|e| e.to_string())?.token;
    Ok(Token {
        operation: token.operation,
        input: token.input,
        client_id: token.client_id,
        client_secret: token.client_secret,
        access_token: token.access_token,
        expires_in: token.expires_in,
        success: token.success,
        client_id_type: token.client_id_type,
        client_secret_type: token.client_secret_type,
        constants: token.arguments.into_keys().collect(),
        open: unknown(&open),
    })
}

/// Checks that discovery finds what was generated, from the server's own schema.
fn settles(sandbox: &Sandbox, server: &Generated) -> Result<(), String> {
    let reply = Reply::read(&sandbox.post(introspect::QUERY)).ok_or("no reply")?;
    let schema = introspect::schema(&reply).ok_or("no schema")?;
    let token = settled_token(&schema)?;
    if token != server.token {
        return Err(format!("the token: {token:?}, not {:?}", server.token));
    }
    for (stream, expected) in &server.lists {
        let found = settled_list(&schema, *stream)?;
        if found != *expected {
            return Err(format!("{stream}: {found:?}, not {expected:?}"));
        }
    }
    Ok(())
}

/// Makes a whole run. `Err` describes a result that must never happen.
fn runs(sandbox: &Sandbox, work: &Work, server: &Generated) -> Result<Ended, String> {
    let run = work.run(sandbox, &["--page-size", server.page_size]);
    let told = format!("exit {}\n{}\n{}", run.code, run.stdout, run.stderr);
    let open = server.open();
    match run.code {
        0 if !open.is_empty() => Err(format!("complete although nobody knows {open:?}\n{told}")),
        0 => STREAMS.iter().try_for_each(|s| compared(sandbox, work, s, "?objects=all")).map(|()| Ended::Complete),
        2 if !open.is_empty() && open.iter().all(|word| run.stderr.contains(word)) => Ok(Ended::Named),
        3 if open.is_empty() && run.stdout.contains("incomplete") => {
            println!("{told}");
            Ok(Ended::Incomplete)
        }
        _ => Err(told),
    }
}

fn seeds() -> u64 {
    std::env::var("SOAK_SEEDS").ok().and_then(|n| n.parse().ok()).map_or(20, |n: u64| n * 4)
}

/// Calls `look` with the server of every seed and returns the results, in no order.
fn with_each<T: Send>(look: impl Fn(u64, &Generated, &Sandbox, &Work) -> T + Sync) -> Vec<(u64, T)> {
    let (next, all) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds() {
                        break;
                    }
                    let (server, work) = (generate(seed), Work::new(""));
                    let sandbox = served(seed, &work, &server.sdl);
                    let came = look(seed, &server, &sandbox, &work);
                    all.lock().unwrap_or_else(PoisonError::into_inner).push((seed, came));
                }
            });
        }
    });
    all.into_inner().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn generated_servers_settle_to_what_their_generator_knows() {
    let wrong: Vec<String> = with_each(|seed, server, sandbox, _| {
        settles(sandbox, server).err().map(|e| format!("seed {seed}: {e}\n{}", server.sdl))
    })
    .into_iter()
    .filter_map(|(_, wrong)| wrong)
    .collect();
    assert!(wrong.is_empty(), "{} of {}\n{}", wrong.len(), seeds(), wrong.join("\n"));
}

#[test]
fn whole_runs_on_generated_servers_are_complete_or_say_what_is_open() {
    let came = with_each(|seed, server, sandbox, work| {
        runs(sandbox, work, server).map_err(|e| format!("seed {seed}: {e}\n{}", server.sdl))
    });
    let count = |ended: Ended| came.iter().filter(|(_, came)| *came == Ok(ended)).count();
    let (complete, named, incomplete) = (count(Ended::Complete), count(Ended::Named), count(Ended::Incomplete));
    let seeds: Vec<u64> =
        came.iter().filter(|(_, came)| *came == Ok(Ended::Incomplete)).map(|(seed, _)| *seed).collect();
    println!("{complete} complete, {named} named what is open, {incomplete} incomplete {seeds:?}, of {}", came.len());
    let wrong: Vec<&str> = came.iter().filter_map(|(_, came)| came.as_ref().err()).map(String::as_str).collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), came.len(), wrong.join("\n"));
    assert!(complete * 20 >= (complete + incomplete) * 19, "incomplete: {seeds:?}");
}
