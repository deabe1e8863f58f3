//! The binary: parse, bootstrap, run, exit code.

use std::process::ExitCode;

use clap::Parser as _;
use qpien_sync::cli::Cli;
use qpien_sync::{commands, logging, panic, policy};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => {
            let _ = e.print();
            return ExitCode::from(if e.use_stderr() { policy::Exit::Usage } else { policy::Exit::Complete });
        }
    };
    logging::start(cli.log_format, cli.quiet, cli.verbose);
    panic::keep_quiet();
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => {
            eprintln!("error: the runtime cannot be started: {e}");
            return policy::Exit::Failed.into();
        }
    };
    match panic::caught(|| runtime.block_on(commands::dispatch(cli))) {
        Ok(exit) => exit.into(),
        Err(error) => {
            let decision = policy::decide(&error.kind);
            logging::failed_with(&error, decision.hint);
            decision.exit.into()
        }
    }
}
