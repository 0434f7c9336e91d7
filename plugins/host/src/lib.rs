//! Plugins: shared libraries that bring an MPI in their own way, through `anympi_plugin.h`.
//!
//! A plugin goes through five gates, and each failure is a [`PluginError`]:
//!
//! 1. **Found** ([`search`]): by path, or by name in the directories of the search path, where a manifest may describe it.
//! 2. **Looked at** ([`file`]): its ELF headers, and who may change it. Nothing of it runs.
//! 3. **Tried** ([`probe`]): loaded, negotiated with and asked in a process of its own ([`isolation`]), so that a crash, an
//!    endless loop or noise there is a sentence here.
//! 4. **Loaded** into the program, with every structure and pointer checked before it is used; a crash from here on ends
//!    with a sentence that names the plugin and the function.
//! 5. **Up**: what it brought must be an MPI: running, with a rank inside its world.
//!
//! docs/PLUGIN-ABI.md has the rules for authors.

pub mod check;
mod error;
mod exceptions;
mod file;
mod hooks;
mod isolation;
mod launching;
mod library;
mod loaded;
mod memory;
mod offer;
pub mod search;
mod stage;
pub mod variables;

use std::path::Path;

use anympi_core::{
    Candidate, Circumstances, Family, Image, MpiInit, OpenError, PluginFile, Plugins, Registry, Selection,
    SelectionError, Vendor, Visibility,
};

pub use anympi_plugin_api::HEADER;
pub use error::{Fault, PluginError};
pub use launching::{Additions, launch_additions};
pub use offer::{Offer, Source, probe};

/// The plugins of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct PluginHost;

fn refused(error: PluginError) -> SelectionError {
    SelectionError::Plugin(Box::new(error))
}

impl Plugins for PluginHost {
    fn names(&self) -> Vec<String> {
        search::all().into_iter().map(|(name, _)| name).collect()
    }

    fn by_name(
        &self,
        name: &str,
        argument: &str,
        here: Circumstances<'_>,
    ) -> Result<Option<Candidate>, SelectionError> {
        let Some(found) = search::by_name(name).map_err(refused)? else { return Ok(None) };
        let argument = if argument.is_empty() { &*found.argument } else { argument };
        let candidate = choose(&found.library, argument, found.own_name.as_deref(), &found.found_by, here)?;
        Ok(Some(candidate))
    }

    fn by_path(
        &self,
        path: &Path,
        argument: &str,
        here: Circumstances<'_>,
    ) -> Result<Option<Candidate>, SelectionError> {
        match file::inspect(path) {
            Ok(()) => choose(path, argument, None, "--mpi", here).map(Some),
            // Not a plugin; whether it is a library is for others to say.
            Err(_) => Ok(None),
        }
    }

    fn open(
        &self,
        registry: &Registry,
        plugin: &PluginFile,
        candidate: &Candidate,
        visibility: Visibility,
    ) -> Result<Box<dyn MpiInit>, OpenError> {
        Ok(Box::new(library::open(registry, candidate, &plugin.argument, &plugin.path, visibility)?))
    }
}

/// Tries a plugin and finds the library that it will bring.
fn choose(
    path: &Path,
    argument: &str,
    name: Option<&str>,
    found_by: &str,
    here: Circumstances<'_>,
) -> Result<Candidate, SelectionError> {
    let offer = probe(path, argument).map_err(refused)?;
    let refuse = |fault| refused(PluginError::new(path, fault));
    if let Some(asked) = name.filter(|name| *name != offer.name) {
        return Err(refuse(Fault::OtherName { asked: asked.to_owned(), found: offer.name }));
    }
    let mut argument = argument.to_owned();
    let (image, backend) = match &offer.source {
        Source::Own => {
            let image =
                Image { path: path.to_owned(), soname: None, family: Family::Abi, vendor: Vendor::Other };
            (image, None)
        }
        Source::Library(library) | Source::Process(library) => {
            let image = anympi_core::inspect(library)
                .map_err(|error| refuse(Fault::Beneath(format!("{} {error}", library.display()))))?;
            if let Some(claimed) = offer.claimed_family().filter(|claimed| *claimed != image.family) {
                let text = format!(
                    "it says that {} speaks {claimed}, which speaks {}",
                    library.display(),
                    image.family
                );
                return Err(refuse(Fault::Offer(text)));
            }
            (image, None)
        }
        Source::Wraps(text) => {
            let wanted = if text.is_empty() { &*argument } else { text };
            let inner = beneath(wanted, here).map_err(|text| refuse(Fault::Beneath(text)))?;
            if text.is_empty() || *text == argument {
                // From here on the choice is made, wherever it is repeated.
                argument = inner.selection();
            }
            (inner.image, Some(inner.backend))
        }
    };
    let backend =
        match backend.or_else(|| here.registry.backend_of(image.family).map(anympi_core::Backend::name)) {
            Some(backend) => backend,
            None => return Err(SelectionError::NoBackend { path: image.path, family: image.family }),
        };
    let plugin = PluginFile { name: offer.name, path: path.to_owned(), argument };
    Ok(Candidate { image, backend, found_by: found_by.to_owned(), plugin: Some(plugin) })
}

/// The library that a plugin wraps.
fn beneath(wanted: &str, here: Circumstances<'_>) -> Result<Candidate, String> {
    let wanted = if wanted.is_empty() { "auto" } else { wanted };
    let selection: Selection = wanted.parse().map_err(|error| format!("{error}"))?;
    let candidate =
        here.registry.choose(&selection, here.search, here.launched_by).map_err(|error| error.to_string())?;
    match candidate {
        None => Err(format!("`{wanted}` means no MPI at all")),
        Some(Candidate { plugin: Some(plugin), .. }) => {
            Err(format!("{} is a plugin too; a plugin wraps libraries only", plugin.path.display()))
        }
        Some(candidate) => Ok(candidate),
    }
}
