//! `sandbox`: starts a Qpien-like server, and prints its address and a ready-made command line.

use crate::cli::{Filter, OnOff, SandboxArgs};
use crate::config::values;
use crate::error::{Error, Kind, Result};
use crate::policy::Exit;
use crate::sandbox;
use crate::sandbox::changes::drift_settings::{DriftSettings, ListOrder};
use crate::sandbox::faults::adversary::Adversary;
use crate::sandbox::{SandboxOptions, faults, start};
use crate::say;

/// Starts the sandbox, and serves until the process gets a stop signal.
pub async fn sandbox(args: &SandboxArgs) -> Result<Exit> {
    let refused = |e: sandbox::StartError| match (&args.sdl, &e) {
        (Some(file), sandbox::StartError::Schema(_)) => Error::usage(format!("--sdl {}: {e}", file.display())),
        _ => Error::usage(e.to_string()),
    };
    let running = start(options(args)?).await.map_err(refused)?;
    say!("{}", running.banner());
    let stop = crate::sync::stop::Stop::default();
    stop.on_signals().map_err(|e| Error::new(Kind::Internal, format!("signals: {e}")).caused_by(&e))?;
    stop.asked().await;
    running.stop().await;
    Ok(Exit::Complete)
}

fn moment(text: &str) -> Result<i64> {
    let wrong = || Error::usage(format!("--now {text:?} is not a moment; write for example \"2025-01-31T12:00:00Z\""));
    crate::clock::parsed(text).ok_or_else(wrong)
}

fn options(args: &SandboxArgs) -> Result<SandboxOptions> {
    let faults = match faults::Plan::named(&args.faults) {
        Some(plan) => plan.with_seed(args.seed),
        None => plan_file(&args.faults)?,
    };
    let adversaries = adversaries(&args.adversary)?;
    let drifting = |text| drifting(text, &args.order, &adversaries);
    let drift = args.drift.as_deref().map(drifting).transpose()?;
    if let (None, Some((name, _))) =
        (&drift, Adversary::NAMED.iter().find(|(_, a)| a.moves() && adversaries.contains(a)))
    {
        return Err(Error::usage(format!("--adversary {name} needs --drift RATE: it is one of the changes")));
    }
    Ok(SandboxOptions {
        listen: args.listen,
        contacts: args.contacts,
        persons: args.persons,
        conversations: args.conversations,
        messages: args.messages,
        seed: args.seed,
        now: args.now.as_deref().map(moment).transpose()?,
        token_ttl: values::duration(&args.token_ttl, "--token-ttl")?,
        requests_per_minute: args.requests_per_minute,
        window: values::duration(&args.window, "--window")?,
        faults,
        drift,
        adversaries,
        latency: values::duration(&args.latency, "--latency")?,
        new_token_cancels_older: args.new_token_cancels_older,
        max_page_size: args.max_page_size,
        refuse_page_size: args.refuse_page_size,
        max_questions: args.max_questions,
        count_questions: args.count_questions,
        signed: args.signed,
        denied_scopes: args.deny_scope.clone(),
        sdl: Some(sdl(args)?),
        introspection: args.introspection == OnOff::On,
        suggestions: args.suggestions == OnOff::On,
        ..SandboxOptions::default()
    })
}

/// Returns the GraphQL schema that the sandbox serves. With `--updated-after`, its list of contacts has a filter by
/// the date of the last change.
fn sdl(args: &SandboxArgs) -> Result<String> {
    const TAKES: &str = "getContactList(page: Int, limit: Int)";
    let sdl = given(args)?;
    let Some(filter) = args.updated_after else { return Ok(sdl) };
    let (before, after) = sdl
        .split_once(TAKES)
        .ok_or_else(|| Error::usage(format!("--updated-after needs --dialect default, not {}", args.dialect)))?;
    let (ty, after) = after.split_once('\n').unwrap_or((after, ""));
    let ignores = if filter == Filter::Ignored { " @sandbox(ignores: \"since\")" } else { "" };
    let takes = TAKES.replace(')', ", updatedAfter: Date)");
    Ok(format!("{before}{takes}{ty}{ignores}\n{after}"))
}

fn given(args: &SandboxArgs) -> Result<String> {
    match &args.sdl {
        Some(file) => std::fs::read_to_string(file)
            .map_err(|e| Error::usage(format!("--sdl {}: {e}", file.display())).caused_by(&e)),
        None => sandbox::shipped_sdl(&args.dialect).map(str::to_owned).ok_or_else(|| {
            let known = sandbox::DIALECTS.join(", ");
            Error::usage(format!("--dialect {} is none of {known}", args.dialect))
        }),
    }
}

fn plan_file(name: &str) -> Result<faults::Plan> {
    let text = std::fs::read_to_string(name).map_err(|e| {
        Error::usage(format!("--faults {name} is neither a plan ({}) nor a file: {e}", faults::Plan::NAMES.join(", ")))
    })?;
    faults::Plan::from_toml(&text).map_err(|e| Error::usage(format!("{name}: {e}")).caused_by(&e))
}

fn adversaries(names: &[String]) -> Result<Vec<Adversary>> {
    let known = || Adversary::NAMED.map(|(name, _)| name).join(", ");
    let one = |name: &String| {
        Adversary::named(name).ok_or_else(|| Error::usage(format!("--adversary {name} is none of {}", known())))
    };
    names.iter().map(one).collect()
}

fn drifting(text: &str, order: &str, adversaries: &[Adversary]) -> Result<DriftSettings> {
    let wrong = || Error::usage(format!("--drift {text} is not RATE or RATE:SEED, for example 0.5 or 0.5:7"));
    let (rate, seed) = text.split_once(':').unwrap_or((text, "1"));
    let order = ListOrder::named(&order.replace('-', "_")).ok_or_else(|| {
        Error::usage(format!("--order {order} is none of newest-first, oldest-first, anywhere, by-change"))
    })?;
    let rate: f64 = rate.parse().map_err(|_| wrong())?;
    let seed = seed.parse().map_err(|_| wrong())?;
    Ok(DriftSettings {
        seed,
        rate,
        order,
        bulk_deletes: adversaries.contains(&Adversary::BulkDeletes),
        leaps: adversaries.contains(&Adversary::MovedAnchor),
        ..DriftSettings::default()
    })
}
