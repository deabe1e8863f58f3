//! `warehouse sql`: prints or writes the SQL that loads change files into a database engine such as BigQuery.

use std::path::Path;

use crate::cli::{WarehouseCommand, WarehouseSqlArgs};
use crate::error::{Error, Kind, Result};
use crate::policy::Exit;
use crate::say;
use crate::streams::{self, Stream};
use crate::warehouse::{Script, Wish, scripts};

/// Prints or writes the scripts.
pub fn warehouse(command: &WarehouseCommand) -> Result<Exit> {
    match command {
        WarehouseCommand::Sql(args) => sql(args),
    }
}

fn sql(args: &WarehouseSqlArgs) -> Result<Exit> {
    let streams = named(&args.stream)?;
    let wish = Wish { engine: args.engine, schema: &args.schema, feed: args.feed.as_deref(), streams: &streams };
    let scripts = scripts(&wish)?;
    if let Some(folder) = &args.out {
        for script in &scripts {
            write(folder, script)?;
        }
    } else {
        for script in &scripts {
            say!("-- {}\n\n{}", script.name, script.text);
        }
    }
    Ok(Exit::Complete)
}

/// Returns the streams with these names. Without names, returns the streams that a job reads if it names none.
fn named(names: &[String]) -> Result<Vec<Stream>> {
    if names.is_empty() {
        return Ok(streams::DEFAULT.into());
    }
    let known = || streams::ALL.map(Stream::name).join(", ");
    names
        .iter()
        .map(|n| {
            Stream::named(n).ok_or_else(|| Error::usage(format!("there is no stream `{n}`; streams: {}", known())))
        })
        .collect()
}

fn write(folder: &Path, script: &Script) -> Result<()> {
    let path = folder.join(script.name);
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&path, &script.text))
        .map_err(|e| Error::new(Kind::DestinationUnwritable, format!("{}: {e}", path.display())).caused_by(&e))
}
