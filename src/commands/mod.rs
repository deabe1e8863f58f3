//! One file for each subcommand. Each takes the parsed arguments and returns an exit code. `setup` makes the flags
//! and the source that several subcommands need.

pub mod accounts;
mod box_size;
pub mod check;
#[cfg(feature = "sandbox")]
pub mod demo;
pub mod discover;
pub mod export;
mod one_account;
mod one_run;
mod overlap;
pub mod plan;
pub mod run;
#[cfg(feature = "sandbox")]
pub mod sandbox;
mod setup;
pub mod status;
pub mod verify;
pub mod warehouse;

use crate::cli::{Cli, Command};
use crate::error::Result;
use crate::logging;
use crate::policy::{self, Exit};

/// Runs the subcommand that the command line names. Returns its exit code.
pub async fn dispatch(cli: Cli) -> Result<Exit> {
    let prints = prints_its_product(&cli.command);
    let exit = Box::pin(run_command(cli)).await?;
    match logging::printed() {
        Err(error) if prints => {
            let decision = policy::decide(&error.kind);
            logging::failed_with(&error, decision.hint);
            Ok(Exit::first([exit, decision.exit]))
        }
        _ => Ok(exit),
    }
}

/// Returns whether the purpose of the command is its output on standard output. If so, output that could not be
/// written is a failure. For the other commands the exit code is enough.
fn prints_its_product(command: &Command) -> bool {
    match command {
        Command::Run(args) => args.print_config,
        Command::Check(_) | Command::Discover(_) | Command::Plan(_) | Command::Status(_) | Command::Warehouse(_) => {
            true
        }
        _ => false,
    }
}

async fn run_command(cli: Cli) -> Result<Exit> {
    let quiet = cli.quiet;
    match cli.command {
        Command::Run(args) => run::run(&args, quiet).await,
        Command::Check(args) => Box::pin(check::check(&args)).await,
        Command::Discover(args) => discover::discover(&args).await,
        Command::Plan(args) => plan::plan(&args).await,
        Command::Export(args) => export::export(&args, quiet).await,
        Command::Verify(args) => verify::verify(&args, quiet).await,
        Command::Status(args) => status::status(&args).await,
        Command::Warehouse(command) => warehouse::warehouse(&command),
        #[cfg(feature = "sandbox")]
        Command::Sandbox(args) => sandbox::sandbox(&args).await,
        #[cfg(feature = "sandbox")]
        Command::Demo => demo::demo(quiet).await,
    }
}
