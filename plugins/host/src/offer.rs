//! What a plugin says that it can bring.

use std::ffi::CString;
use std::path::{Path, PathBuf};

use anympi_core::{Family, Visibility};
use anympi_plugin_api::*;
use serde::{Deserialize, Serialize};

use crate::error::{Fault, PluginError};
use crate::exceptions::Unwinding;
use crate::isolation::{Tried, isolated};
use crate::loaded::{Loaded, empty_error, outcome};
use crate::memory::text_in;
use crate::stage::Stage;
use crate::{file, variables};

/// Where the functions of MPI come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// From a file.
    Library(PathBuf),
    /// From the library that the plugin is linked to.
    Process(PathBuf),
    /// From another MPI; empty: the argument, or any.
    Wraps(String),
    /// From the plugin.
    Own,
}

/// What a plugin is and can bring.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// What it calls itself.
    pub name: String,
    /// Its version.
    pub release: String,
    /// What it is, in its own words.
    pub description: String,
    /// Where the functions come from.
    pub source: Source,
    /// The ABI of the library, if the plugin says it: one of the header's numbers.
    pub family: i32,
    /// A line for lists.
    pub note: String,
}

impl Offer {
    /// The ABI that the plugin claims for its library.
    #[must_use]
    pub fn claimed_family(&self) -> Option<Family> {
        match self.family {
            ANYMPI_FAMILY_OPENMPI => Some(Family::OpenMpi),
            ANYMPI_FAMILY_MPICH => Some(Family::Mpich),
            ANYMPI_FAMILY_STANDARD => Some(Family::Abi),
            _ => None,
        }
    }
}

/// Asks a plugin, in a process of its own, what it can bring.
///
/// # Errors
/// What is wrong with the file or the plugin, or why it cannot bring anything here.
pub fn probe(path: &Path, argument: &str) -> Result<Offer, PluginError> {
    probe_and_listen(path, argument).map(|tried| tried.result)
}

/// As [`probe`], with what the plugin wrote to standard output.
pub(crate) fn probe_and_listen(path: &Path, argument: &str) -> Result<Tried<Offer>, PluginError> {
    file::inspect(path)?;
    file::check_rights(path, file::is_privileged())?;
    let tried = isolated(variables::timeout(), || {
        let loaded = Loaded::load(path, Visibility::Local)?;
        offer(&loaded, argument)
    });
    let tried = tried.and_then(|tried| Ok(Tried { result: tried.result?, stdout: tried.stdout }));
    tried.map_err(|fault| PluginError::new(path, fault))
}

/// A C string of a text that may hold NUL, which ends it.
pub(crate) fn c_text(text: &str) -> CString {
    let end = text.find('\0').unwrap_or(text.len());
    CString::new(&text[..end]).unwrap_or_default()
}

/// Asks a loaded plugin.
pub(crate) fn offer(loaded: &Loaded, argument: &str) -> Result<Offer, Fault> {
    let Some(probe) = loaded.backend.probe.map(Unwinding::unwinding) else {
        return Err(Fault::Lacks("probe".to_owned()));
    };
    let argument = c_text(argument);
    let request = anympi_request {
        size: size_field::<anympi_request>(),
        reserved: 0,
        argument: argument.as_ptr(),
        wrapped: core::ptr::null(),
    };
    let mut offer = anympi_offer {
        size: size_field::<anympi_offer>(),
        source: 0,
        family: 0,
        reserved: 0,
        library: [0; 4096],
        wraps: [0; 4096],
        note: [0; 512],
    };
    let mut error = empty_error();
    // SAFETY: all three live until the function returns.
    let code = Stage::Probe.call(|| unsafe { probe(&raw const request, &raw mut offer, &raw mut error) })?;
    outcome("probe", code, &error)?;
    if loaded.mpi_was_called() {
        return Err(Fault::CalledMpi("probe".to_owned()));
    }
    if !(ANYMPI_FAMILY_UNKNOWN..=ANYMPI_FAMILY_STANDARD).contains(&offer.family) {
        return Err(Fault::Offer(format!("family {}", offer.family)));
    }
    let source = match offer.source {
        ANYMPI_SOURCE_LIBRARY => {
            let library = PathBuf::from(text_in(&offer.library, "anympi_offer.library")?);
            if !library.is_absolute() {
                return Err(Fault::Offer(format!("the library `{}` is no absolute path", library.display())));
            }
            Source::Library(library)
        }
        ANYMPI_SOURCE_PROCESS => Source::Process(loaded.file_of(c"MPI_Init").ok_or_else(|| {
            Fault::Offer("it names the library that it is linked to, but it is linked to no MPI".to_owned())
        })?),
        ANYMPI_SOURCE_WRAPS => Source::Wraps(text_in(&offer.wraps, "anympi_offer.wraps")?),
        ANYMPI_SOURCE_OWN if loaded.backend.symbol.is_some() => Source::Own,
        ANYMPI_SOURCE_OWN => {
            return Err(Fault::Lacks("symbol, which a plugin without a library needs".to_owned()));
        }
        other => return Err(Fault::Offer(format!("source {other}"))),
    };
    Ok(Offer {
        name: loaded.name.clone(),
        release: loaded.release.clone(),
        description: loaded.description.clone(),
        source,
        family: offer.family,
        note: text_in(&offer.note, "anympi_offer.note")?,
    })
}
