//! One rank of `anympi plugin check`: brings the plugin's MPI up and down, and says what it saw on the last line.

use std::process::ExitCode;

use anympi::{ProcessArguments, SearchPaths, Selection, State, ThreadLevel, Visibility};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::options::PluginRank;
use crate::output::print;

/// What one rank saw.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Seen {
    /// The rank.
    pub rank: u32,
    /// The size of the world.
    pub size: u32,
    /// What `bring_up` or what it brought did wrong.
    pub up: Option<String>,
    /// What was wrong when the ranks waited for each other.
    pub barrier: Option<String>,
    /// What `take_down` did wrong.
    pub down: Option<String>,
}

/// The beginning of the line.
pub const MARK: &str = "anympi-plugin-rank ";

/// Runs one rank.
pub fn rank(arguments: &PluginRank) -> Result<ExitCode, Failure> {
    let selection: Selection = arguments.plugin.parse()?;
    let registry = anympi::registry();
    let launcher = anympi::launch::Launcher::detect();
    let launched_by = launcher.as_ref().and_then(anympi::launch::Launcher::vendor);
    let candidate = registry
        .choose(&selection, &SearchPaths::from_environment(), launched_by)?
        .ok_or(Failure::NoMpi { doing: "be checked" })?;
    let mpi = registry.open(&candidate, Visibility::Local)?;
    let mut seen = Seen::default();
    match mpi.init(&mut ProcessArguments::of_this_process(), ThreadLevel::Funneled) {
        Err(error) => seen.up = Some(error.to_string()),
        Ok(_) => {
            (seen.rank, seen.size) = (mpi.rank().unwrap_or(u32::MAX), mpi.size().unwrap_or(0));
            // In a world of another size a barrier could wait for ever.
            if seen.size == arguments.ranks {
                seen.barrier = mpi.barrier().err().map(|error| error.to_string());
            }
            seen.down = mpi.finalize().err().map(|error| error.to_string());
            let twice = mpi.finalize().err().map(|error| format!("the second time: {error}"));
            seen.down = seen.down.or(twice);
            if seen.down.is_none() && mpi.state() != State::Finalized {
                seen.down = Some(format!("MPI is {:?}", mpi.state()));
            }
        }
    }
    let line = serde_json::to_string(&seen).unwrap_or_default();
    print(&format!("\n{MARK}{line}\n"));
    Ok(ExitCode::SUCCESS)
}
