//! Changes of the environment before MPI_Init that are cheap and certain.
//!
//! Only leftovers are repaired here: variables of a launcher that is not this process's own, which make a library abort or
//! wait for nobody. A process under the wrong launcher is not rescued, it is told (see [`crate::check_library`]).

use crate::detect::Launcher;
use crate::kind::LauncherKind;
use crate::surroundings::{Surroundings, ThisProcess};
use crate::variables::*;
use anympi_core::{Family, Image, Vendor};
use std::fmt;

/// One change of the environment, with its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Set a variable.
    Set {
        /// Name of the variable.
        name: String,
        /// Its new value.
        value: String,
        /// Why, as the end of a sentence.
        reason: &'static str,
    },
    /// Remove a variable.
    Remove {
        /// Name of the variable.
        name: String,
        /// Why, as the end of a sentence.
        reason: &'static str,
    },
}

impl Change {
    /// The variable that is changed.
    pub fn name(&self) -> &str {
        match self {
            Self::Set { name, .. } | Self::Remove { name, .. } => name,
        }
    }

    /// Makes the change in the environment that a command will give to its process.
    pub fn apply(&self, command: &mut std::process::Command) {
        match self {
            Self::Set { name, value, .. } => command.env(name, value),
            Self::Remove { name, .. } => command.env_remove(name),
        };
    }
}

impl fmt::Display for Change {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Set { name, value, reason } => write!(formatter, "set {name}={value}: {reason}"),
            Self::Remove { name, reason } => write!(formatter, "remove {name}: {reason}"),
        }
    }
}

/// What to change in this process's environment before the library's MPI_Init.
pub fn repairs(launcher: Option<&Launcher>, image: &Image) -> Vec<Change> {
    repairs_in(&ThisProcess, launcher, image)
}

/// As [`repairs`], for any process that can be described.
pub fn repairs_in(
    surroundings: &dyn Surroundings,
    launcher: Option<&Launcher>,
    image: &Image,
) -> Vec<Change> {
    let open_mpi = image.family == Family::OpenMpi || image.vendor == Vendor::OpenMpi;
    let leftover: fn(&str) -> bool;
    let reason;
    match launcher.map(|launcher| launcher.kind) {
        // Without a launcher such variables point at processes that are gone; a library would wait for them or abort.
        None => {
            leftover = describes_a_job;
            reason = "left over from a job that is gone";
        }
        // MPICH 5 aborts when it finds variables of both protocols.
        Some(
            LauncherKind::MpichHydra
            | LauncherKind::IntelHydra
            | LauncherKind::MpichGforker
            | LauncherKind::OtherPmi,
        ) if !open_mpi => {
            leftover = |name| name.starts_with("PMIX_") && describes_a_job(name);
            reason = "left over from an Open MPI job around this one";
        }
        Some(_) => return Vec::new(),
    }
    let names = surroundings.names().into_iter().filter(|name| leftover(name));
    names.map(|name| Change::Remove { name, reason }).collect()
}
