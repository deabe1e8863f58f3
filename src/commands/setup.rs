//! Makes what several subcommands need first: the flags from the command line, and the source.

use crate::cli::JobArgs;
use crate::config::env;
use crate::config::flags::Flags;
use crate::config::settings::Settings;
use crate::error::Result;
use crate::source::Source;
use crate::source::rate_limit::Budget;
use crate::source::rate_limit::window::BudgetWindow;

/// Returns the values of the command-line flags that override the job file.
pub fn flags(args: &JobArgs) -> Flags {
    Flags {
        endpoint: args.endpoint.clone(),
        mirror: args.mirror.clone(),
        out: args.out.clone(),
        requests_per_minute: args.requests_per_minute,
        page_size: args.page_size,
        allow_deletes: false,
        accounts: args.accounts.account.clone(),
        shard: args.accounts.shard.clone(),
    }
}

/// Makes the source that the settings describe, without a limit on the total number of requests. Sends no request.
pub fn source(settings: &Settings) -> Result<Source> {
    source_with_at_most(settings, u64::MAX)
}

/// Makes the source that the settings describe. It sends at most `requests` requests in all.
pub fn source_with_at_most(settings: &Settings, requests: u64) -> Result<Source> {
    let s = &settings.source;
    let folder = env::state_folder();
    let window = folder.ok_or_else(|| format!("no home folder (set {})", env::STATE_DIR)).and_then(|f| {
        BudgetWindow::open(&BudgetWindow::path(&f, &s.endpoint, &s.client_id))
            .map_err(|e| format!("{}: {e}", f.display()))
    });
    let window = window.unwrap_or_else(|why| {
        tracing::warn!(%why, "the budget of this key cannot be shared with other processes");
        BudgetWindow::in_memory()
    });
    let longest = s.limits.budget.max(s.limits.long);
    let budget = Budget::new(settings.requests_per_minute, window).capped(requests).waiting_at_most(longest);
    Source::new(s.clone(), settings.dialect.clone(), budget)
}
