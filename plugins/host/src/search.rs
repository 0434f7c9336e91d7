//! From the name in `--mpi=NAME` to a file.
//!
//! In each directory a manifest `NAME.toml` or a file `libanympi_NAME.so`; the first directory that has one decides.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::{Fault, PluginError};
use crate::file;
use crate::variables::{ANYMPI_PLUGIN_PATH, get};

/// A plugin that was found by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The name that it was found by.
    pub name: String,
    /// The shared library.
    pub library: PathBuf,
    /// The text for it, when the user gives none.
    pub argument: String,
    /// The name that the plugin must call itself; `None` if the manifest gives the plugin another name on purpose.
    pub own_name: Option<String>,
    /// The directory, in words.
    pub found_by: String,
}

/// A manifest, which gives a plugin a name, or another name with another argument.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    format: u32,
    name: String,
    library: PathBuf,
    #[serde(default)]
    plugin: Option<String>,
    #[serde(default)]
    argument: String,
    #[serde(default, rename = "description")]
    _description: String,
}

const FORMAT: u32 = 1;

/// The directories, in order, each with the reason why it is searched.
#[must_use]
pub fn directories() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut add = |path: PathBuf, reason: &str| {
        if path.is_absolute() && path.is_dir() && !found.iter().any(|(known, _)| *known == path) {
            found.push((path, reason.to_owned()));
        }
    };
    if let Some(list) = get(ANYMPI_PLUGIN_PATH) {
        for directory in std::env::split_paths(&list) {
            add(directory, ANYMPI_PLUGIN_PATH);
        }
    }
    let data = get("XDG_DATA_HOME").map(PathBuf::from);
    let data = data.or_else(|| get("HOME").map(|home| PathBuf::from(home).join(".local/share")));
    if let Some(data) = data {
        add(data.join("anympi/plugins"), "the user's plugins");
    }
    if let Some(program) = std::env::current_exe().ok().as_deref().and_then(Path::parent) {
        add(program.to_owned(), "the program's directory");
        if let Some(prefix) = program.parent() {
            add(prefix.join("lib/anympi/plugins"), "the program's installation");
        }
    }
    for system in ["/usr/local/lib/anympi/plugins", "/usr/lib/anympi/plugins"] {
        add(system.into(), "the system's plugins");
    }
    found
}

/// The plugin of a name; `None` if no directory has one.
pub fn by_name(name: &str) -> Result<Option<Found>, PluginError> {
    if name.is_empty() || name.contains(['/', '\\', '.']) {
        return Ok(None);
    }
    for (directory, reason) in directories() {
        if let Some(found) = in_directory(&directory, &reason, name)? {
            if file::is_privileged() {
                let fault = Fault::Privileged("takes plugins only by their full path".to_owned());
                return Err(PluginError::new(&found.library, fault));
            }
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn in_directory(directory: &Path, reason: &str, name: &str) -> Result<Option<Found>, PluginError> {
    let manifest = directory.join(format!("{name}.toml"));
    let library = directory.join(format!("libanympi_{name}.so"));
    let described = if manifest.is_file() { Some(read_manifest(&manifest, reason)?) } else { None };
    match described {
        Some(found) if found.name != name => {
            let fault = Fault::OtherName { asked: name.to_owned(), found: found.name };
            Err(PluginError::new(&manifest, fault))
        }
        Some(found) => {
            let same = |a: &Path, b: &Path| a.canonicalize().ok() == b.canonicalize().ok();
            if library.is_file() && !same(&library, &found.library) {
                let fault = Fault::Duplicate { name: name.to_owned(), other: library };
                return Err(PluginError::new(&found.library, fault));
            }
            Ok(Some(found))
        }
        None if library.is_file() => Ok(Some(Found {
            name: name.to_owned(),
            library,
            argument: String::new(),
            own_name: Some(name.to_owned()),
            found_by: reason.to_owned(),
        })),
        None => Ok(None),
    }
}

fn read_manifest(path: &Path, reason: &str) -> Result<Found, PluginError> {
    file::check_rights(path, false)?;
    let wrong = |text: String| PluginError::new(path, Fault::Manifest(text));
    let text = std::fs::read_to_string(path)
        .map_err(|error| PluginError::new(path, Fault::Unreadable(error.to_string())))?;
    let manifest: Manifest =
        toml::from_str(&text).map_err(|error| wrong(error.message().replace('\n', " ")))?;
    if manifest.format != FORMAT {
        return Err(wrong(format!("its format is {}, this program reads {FORMAT}", manifest.format)));
    }
    let library = path.parent().unwrap_or(Path::new("/")).join(&manifest.library);
    if !library.is_file() {
        return Err(wrong(format!("there is no {}", library.display())));
    }
    Ok(Found {
        own_name: Some(manifest.plugin.unwrap_or_else(|| manifest.name.clone())),
        name: manifest.name,
        library,
        argument: manifest.argument,
        found_by: reason.to_owned(),
    })
}

/// Every plugin on the search path, by name, and what cannot be used with its reason.
#[must_use]
pub fn all() -> Vec<(String, Result<Found, PluginError>)> {
    let mut plugins: Vec<(String, Result<Found, PluginError>)> = Vec::new();
    for (directory, reason) in directories() {
        let mut names: Vec<String> = std::fs::read_dir(&directory)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| name_of(&entry.path()))
            .collect();
        names.sort();
        names.dedup();
        for name in names {
            if plugins.iter().any(|(known, _)| *known == name) {
                continue;
            }
            match in_directory(&directory, &reason, &name) {
                Ok(Some(found)) => plugins.push((name, Ok(found))),
                Ok(None) => {}
                Err(error) => plugins.push((name, Err(error))),
            }
        }
    }
    plugins
}

/// The name that a file would give a plugin, if it is a plugin's or a manifest.
fn name_of(path: &Path) -> Option<String> {
    let file = path.file_name()?.to_str()?;
    if let Some(name) = file.strip_suffix(".toml") {
        // Other programs have files of this kind too.
        let text = std::fs::read_to_string(path).ok()?;
        let table: toml::Table = text.parse().ok()?;
        return (table.contains_key("format") && table.contains_key("library")).then(|| name.to_owned());
    }
    let name = file.strip_prefix("libanympi_")?.strip_suffix(".so")?;
    // Libraries of ours that are no plugins have such names too.
    file::inspect(path).is_ok().then(|| name.to_owned())
}
