//! One file per subcommand. Each takes what was typed and gives an exit code; `setup` is what several need first.

pub mod accounts;
mod apart;
pub mod check;
pub mod deliver;
#[cfg(feature = "sandbox")]
pub mod demo;
pub mod discover;
pub mod export;
mod masked;
pub mod plan;
mod refuse;
pub mod run;
#[cfg(feature = "sandbox")]
pub mod sandbox;
mod setup;
pub mod status;
pub mod verify;
pub mod warehouse;

use crate::cli::{Cli, Command};
use crate::error::Result;
use crate::policy::Exit;

/// Runs the subcommand.
pub async fn dispatch(cli: Cli) -> Result<Exit> {
    let quiet = cli.quiet;
    match cli.command {
        Command::Run(args) => run::run(&args, quiet).await,
        Command::Check(args) => check::check(&args).await,
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
