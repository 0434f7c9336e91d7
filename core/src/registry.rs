//! Backends, what they find, and the choice among it.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::image::{Family, Image, InspectError, Vendor, inspect};
use crate::init::MpiInit;
use crate::loader::Visibility;
use crate::plugins::{Circumstances, PluginFile, Plugins};
use crate::search::SearchPaths;
use crate::selection::Selection;

/// Makes [`MpiInit`] objects for the libraries of one family.
pub trait Backend: Send + Sync {
    /// The name that `--mpi` accepts.
    fn name(&self) -> &'static str;

    /// The family whose libraries it opens.
    fn family(&self) -> Family;

    /// The vendor that the name stands for first: its libraries are preferred to others of the family.
    fn vendor(&self) -> Vendor;

    /// Names of vendors within the family that `--mpi` accepts too.
    fn vendors(&self) -> &'static [(&'static str, Vendor)] {
        &[]
    }

    /// File names of its libraries, in the order in which they are tried in each directory.
    fn file_names(&self) -> &'static [&'static str];

    /// Loads a library of its family. No MPI function is called but those that are legal before `MPI_Init`.
    ///
    /// # Errors
    /// The dynamic linker's words, or what makes the library unusable.
    fn open(&self, image: &Image, visibility: Visibility) -> Result<Box<dyn MpiInit>, OpenError>;
}

/// A library that a backend can open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The file.
    pub image: Image,
    /// The backend that opens it.
    pub backend: &'static str,
    /// How it was found: the reason of the directory, or `--mpi`.
    pub found_by: String,
    /// The plugin that brings it, if one does.
    pub plugin: Option<PluginFile>,
}

impl Candidate {
    /// The value of `--mpi` that means exactly this.
    #[must_use]
    pub fn selection(&self) -> String {
        match &self.plugin {
            None => format!("{}:{}", self.backend, self.image.path.display()),
            Some(plugin) if plugin.argument.is_empty() => plugin.path.display().to_string(),
            Some(plugin) => format!("{}:{}", plugin.path.display(), plugin.argument),
        }
    }
}

/// A file or directory that gave no library, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// The file, or the directory when none of the file names is in it.
    pub path: PathBuf,
    /// Why it was not taken.
    pub reason: String,
}

/// What [`Registry::probe`] found.
#[derive(Clone, Debug, Default)]
pub struct Probe {
    /// The libraries, best first.
    pub candidates: Vec<Candidate>,
    /// What was looked at in vain.
    pub tried: Vec<Tried>,
}

/// Why there is no library for a selection.
#[derive(Debug, thiserror::Error)]
pub enum SelectionError {
    /// No backend has that name.
    #[error(
        "no MPI backend or plugin is named `{name}`; known are {known}, or the path of a library or plugin"
    )]
    UnknownName {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// Nothing was found.
    #[error("no library found for --mpi={wanted}{}", Report(.tried))]
    NotFound {
        /// The selection.
        wanted: String,
        /// What was looked at, with reasons.
        tried: Vec<Tried>,
    },
    /// The file is no library that can be used.
    #[error("{} {source}", .path.display())]
    BadFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: InspectError,
    },
    /// The file is a library of another family than the backend named with it.
    #[error("{} speaks {found}; the backend `{backend}` opens libraries that speak {expected}", .path.display())]
    WrongBackend {
        /// The file.
        path: PathBuf,
        /// The backend named.
        backend: String,
        /// The backend's family.
        expected: Family,
        /// The file's family.
        found: Family,
    },
    /// The registry has no backend of that family.
    #[error("{} speaks {family}, and this program has no backend for it", .path.display())]
    NoBackend {
        /// The file.
        path: PathBuf,
        /// Its family.
        family: Family,
    },
    /// A plugin cannot be used.
    #[error(transparent)]
    Plugin(Box<dyn std::error::Error + Send + Sync>),
}

struct Report<'a>(&'a [Tried]);

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("; looked in:")?;
        for tried in self.0 {
            write!(f, "\n  {}: {}", tried.path.display(), tried.reason)?;
        }
        if self.0.is_empty() {
            f.write_str(" no directory that exists")?;
        }
        Ok(())
    }
}

/// A library that could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The dynamic linker refused.
    #[error("{} cannot be loaded: {reason}", .path.display())]
    Load {
        /// The file.
        path: PathBuf,
        /// The dynamic linker's words.
        reason: String,
    },
    /// A process runs one library of a family.
    #[error("{} cannot be opened: this process has opened another library of {family} already", .path.display())]
    Occupied {
        /// The file.
        path: PathBuf,
        /// Its family.
        family: Family,
    },
    /// The library lacks what nothing can do without.
    #[error("{} is damaged or too old: it lacks {symbol}", .path.display())]
    Incomplete {
        /// The file.
        path: PathBuf,
        /// The missing symbol.
        symbol: String,
    },
    /// The candidate names a backend that is not in this registry.
    #[error("no MPI backend is named `{0}`")]
    UnknownBackend(String),
    /// A plugin cannot be used.
    #[error(transparent)]
    Plugin(Box<dyn std::error::Error + Send + Sync>),
}

/// The backends of a program.
#[derive(Default)]
pub struct Registry {
    backends: Vec<Box<dyn Backend>>,
    plugins: Option<Box<dyn Plugins>>,
}

impl Registry {
    /// A registry without backends.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a backend; the first added is the first tried.
    #[must_use]
    pub fn with(mut self, backend: impl Backend + 'static) -> Self {
        self.backends.push(Box::new(backend));
        self
    }

    /// Adds the plugins, which are asked for what no backend knows.
    #[must_use]
    pub fn with_plugins(mut self, plugins: impl Plugins + 'static) -> Self {
        self.plugins = Some(Box::new(plugins));
        self
    }

    /// The backend of a family.
    #[must_use]
    pub fn backend_of(&self, family: Family) -> Option<&dyn Backend> {
        self.backends.iter().find(|backend| backend.family() == family).map(|backend| &**backend)
    }

    /// Every name that `--mpi` accepts, but those of plugins.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        let backends = self.backends.iter().flat_map(|backend| {
            std::iter::once(backend.name()).chain(backend.vendors().iter().map(|vendor| vendor.0))
        });
        ["none", "auto", "mpi4py"].into_iter().chain(backends).collect()
    }

    /// Looks for libraries. Files are read, nothing is loaded, no MPI function is called.
    #[must_use]
    pub fn probe(&self, search: &SearchPaths) -> Probe {
        self.probe_for(search, &|_, _| true)
    }

    fn probe_for(&self, search: &SearchPaths, wanted: &dyn Fn(&dyn Backend, Vendor) -> bool) -> Probe {
        let mut probe = Probe::default();
        let mut seen: Vec<PathBuf> = Vec::new();
        for directory in search.directories() {
            let mut names: Vec<&str> = Vec::new();
            for backend in self.backends.iter().filter(|backend| wants_any(&***backend, wanted)) {
                for name in backend.file_names() {
                    if !names.contains(name) {
                        names.push(name);
                    }
                }
            }
            let mut present = false;
            for name in &names {
                let path = directory.path.join(name);
                let Ok(real) = path.canonicalize() else { continue };
                present = true;
                if seen.contains(&real) {
                    continue;
                }
                seen.push(real);
                match self.candidate(&path, &directory.reason) {
                    Ok(candidate) => {
                        let backend =
                            self.backends.iter().find(|backend| backend.name() == candidate.backend);
                        if backend.is_some_and(|backend| wanted(&**backend, candidate.image.vendor)) {
                            probe.candidates.push(candidate);
                        } else {
                            let reason = format!("is {}, {}", candidate.image.vendor, candidate.image.family);
                            probe.tried.push(Tried { path, reason });
                        }
                    }
                    Err(SelectionError::BadFile { source, .. }) => {
                        probe.tried.push(Tried { path, reason: source.to_string() });
                    }
                    Err(error) => probe.tried.push(Tried { path, reason: error.to_string() }),
                }
            }
            if !present {
                let reason = format!("none of {} ({})", names.join(", "), directory.reason);
                probe.tried.push(Tried { path: directory.path.clone(), reason });
            }
        }
        probe
    }

    /// The library for a selection; `None` for [`Selection::None`].
    ///
    /// `launched_by` is the vendor whose launcher started this process, if one did: the automatic choice then takes
    /// a library of that vendor's family and nothing else, for no other becomes one world under that launcher.
    ///
    /// # Errors
    /// Says what was asked for, what is known, and what was tried.
    pub fn choose(
        &self,
        selection: &Selection,
        search: &SearchPaths,
        launched_by: Option<Vendor>,
    ) -> Result<Option<Candidate>, SelectionError> {
        let here = Circumstances { registry: self, search, launched_by };
        match selection {
            Selection::None => Ok(None),
            Selection::Path { backend: Some(name), path } if self.is_unknown(name) => {
                self.choose_plugin(name, &path.to_string_lossy(), here)
            }
            Selection::Path { backend: None, path } => match self.plugin_in(path, here)? {
                Some(candidate) => Ok(Some(candidate)),
                None => self.choose_file(None, path).map(Some),
            },
            Selection::Path { backend, path } => self.choose_file(backend.as_deref(), path).map(Some),
            Selection::Named(name) if self.is_unknown(name) => self.choose_plugin(name, "", here),
            Selection::Named(name) => {
                let (index, vendor) = self.named(name)?;
                let chosen = self.backends[index].name();
                let probe = self.probe_for(search, &|backend, found| {
                    backend.name() == chosen && vendor.is_none_or(|vendor| vendor == found)
                });
                first_of(probe, selection, Some(vendor.unwrap_or(self.backends[index].vendor())))
            }
            Selection::Auto | Selection::Mpi4py => {
                let probe = self.probe_for(search, &|_, vendor| {
                    launched_by.is_none_or(|launcher| same_launch_family(launcher, vendor))
                });
                first_of(probe, selection, launched_by)
            }
        }
    }

    /// Loads the library of a candidate.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(&self, candidate: &Candidate, visibility: Visibility) -> Result<Box<dyn MpiInit>, OpenError> {
        if let (Some(plugin), Some(plugins)) = (&candidate.plugin, &self.plugins) {
            return plugins.open(self, plugin, candidate, visibility);
        }
        let backend = self.backends.iter().find(|backend| backend.name() == candidate.backend);
        let backend = backend.ok_or_else(|| OpenError::UnknownBackend(candidate.backend.to_owned()))?;
        backend.open(&candidate.image, visibility)
    }

    fn named(&self, name: &str) -> Result<(usize, Option<Vendor>), SelectionError> {
        for (index, backend) in self.backends.iter().enumerate() {
            if backend.name() == name {
                return Ok((index, None));
            }
            if let Some(&(_, vendor)) = backend.vendors().iter().find(|vendor| vendor.0 == name) {
                return Ok((index, Some(vendor)));
            }
        }
        let plugins = self.plugins.iter().flat_map(|plugins| plugins.names());
        let known: Vec<String> = self.names().into_iter().map(str::to_owned).chain(plugins).collect();
        Err(SelectionError::UnknownName { name: name.to_owned(), known: known.join(", ") })
    }

    /// Whether no backend has a name.
    fn is_unknown(&self, name: &str) -> bool {
        !self.names().contains(&name)
    }

    fn choose_plugin(
        &self,
        name: &str,
        argument: &str,
        here: Circumstances<'_>,
    ) -> Result<Option<Candidate>, SelectionError> {
        let found = self.plugins.as_ref().map(|plugins| plugins.by_name(name, argument, here));
        match found.transpose()?.flatten() {
            Some(candidate) => Ok(Some(candidate)),
            // Says what is known.
            None => self.named(name).map(|_| None),
        }
    }

    /// The plugin that a path means: a file, or a file, a colon and the text for the plugin.
    fn plugin_in(&self, path: &Path, here: Circumstances<'_>) -> Result<Option<Candidate>, SelectionError> {
        let Some(plugins) = &self.plugins else { return Ok(None) };
        let text = path.to_string_lossy();
        let colons = text.match_indices(':').map(|(at, _)| (&text[..at], &text[at + 1..]));
        let whole = (&*text, "");
        let Some((file, argument)) =
            [whole].into_iter().chain(colons).find(|(file, _)| Path::new(file).is_file())
        else {
            return Ok(None);
        };
        let file = std::path::absolute(file).unwrap_or_else(|_| file.into());
        plugins.by_path(&file, argument, here)
    }

    fn choose_file(&self, backend: Option<&str>, path: &Path) -> Result<Candidate, SelectionError> {
        let named = backend.map(|name| self.named(name)).transpose()?;
        // The dynamic linker searches for names without a slash; a path is a path.
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let candidate = self.candidate(&path, "--mpi")?;
        if let (Some((index, _)), Some(name)) = (named, backend) {
            let expected = self.backends[index].family();
            if expected != candidate.image.family {
                return Err(SelectionError::WrongBackend {
                    path,
                    backend: name.to_owned(),
                    expected,
                    found: candidate.image.family,
                });
            }
        }
        Ok(candidate)
    }

    fn candidate(&self, path: &Path, found_by: &str) -> Result<Candidate, SelectionError> {
        let image =
            inspect(path).map_err(|source| SelectionError::BadFile { path: path.to_owned(), source })?;
        let backend = self.backends.iter().find(|backend| backend.family() == image.family);
        let backend = backend
            .ok_or_else(|| SelectionError::NoBackend { path: path.to_owned(), family: image.family })?
            .name();
        Ok(Candidate { image, backend, found_by: found_by.to_owned(), plugin: None })
    }
}

fn wants_any(backend: &dyn Backend, wanted: &dyn Fn(&dyn Backend, Vendor) -> bool) -> bool {
    [Vendor::OpenMpi, Vendor::Mpich, Vendor::Intel, Vendor::Other]
        .into_iter()
        .any(|vendor| wanted(backend, vendor))
}

/// The first library of the preferred vendor, else the first library.
fn first_of(
    probe: Probe,
    selection: &Selection,
    preferred: Option<Vendor>,
) -> Result<Option<Candidate>, SelectionError> {
    let exact = probe.candidates.iter().find(|candidate| Some(candidate.image.vendor) == preferred);
    let chosen = exact.or_else(|| probe.candidates.first()).cloned();
    let not_found = || SelectionError::NotFound { wanted: selection.to_string(), tried: probe.tried };
    chosen.ok_or_else(not_found).map(Some)
}

/// Whether a launcher of one vendor makes one world of the processes of another's library.
fn same_launch_family(launcher: Vendor, library: Vendor) -> bool {
    (launcher == Vendor::OpenMpi) == (library == Vendor::OpenMpi)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fake(&'static str, Family);

    impl Backend for Fake {
        fn name(&self) -> &'static str {
            self.0
        }
        fn family(&self) -> Family {
            self.1
        }
        fn vendor(&self) -> Vendor {
            Vendor::Other
        }
        fn vendors(&self) -> &'static [(&'static str, Vendor)] {
            if self.1 == Family::Mpich { &[("intel", Vendor::Intel)] } else { &[] }
        }
        fn file_names(&self) -> &'static [&'static str] {
            &["libmpi.so"]
        }
        fn open(&self, image: &Image, _: Visibility) -> Result<Box<dyn MpiInit>, OpenError> {
            Err(OpenError::Load { path: image.path.clone(), reason: "a fake opens nothing".into() })
        }
    }

    fn registry() -> Registry {
        Registry::new().with(Fake("openmpi", Family::OpenMpi)).with(Fake("mpich", Family::Mpich))
    }

    #[test]
    fn unknown_names_list_the_known_ones() {
        let error =
            registry().choose(&Selection::Named("lam".into()), &SearchPaths::default(), None).unwrap_err();
        let text = error.to_string();
        for name in ["lam", "none", "auto", "mpi4py", "openmpi", "mpich", "intel"] {
            assert!(text.contains(name), "{text}");
        }
    }

    #[test]
    fn what_was_tried_is_listed_with_reasons() {
        let root = tempfile::tempdir().unwrap();
        let lib = root.path().join("lib");
        std::fs::create_dir(&lib).unwrap();
        let search = SearchPaths::default().prefer(root.path(), "test prefix");
        let selection = Selection::Named("openmpi".into());
        let text = registry().choose(&selection, &search, None).unwrap_err().to_string();
        assert!(text.contains(&*lib.to_string_lossy()) && text.contains("libmpi.so"), "{text}");
        std::fs::write(lib.join("libmpi.so"), "text").unwrap();
        let text = registry().choose(&selection, &search, None).unwrap_err().to_string();
        assert!(text.contains("libmpi.so") && text.contains("no shared library"), "{text}");
    }

    #[test]
    fn a_file_is_judged_before_anything_is_loaded() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let selection = Selection::Path { backend: None, path: file.path().to_owned() };
        let error = registry().choose(&selection, &SearchPaths::default(), None).unwrap_err();
        assert!(matches!(error, SelectionError::BadFile { .. }), "{error}");
        let missing = Selection::Path { backend: Some("mpich".into()), path: "/nowhere/libmpi.so".into() };
        let error = registry().choose(&missing, &SearchPaths::default(), None).unwrap_err();
        assert!(error.to_string().contains("/nowhere/libmpi.so"), "{error}");
    }

    #[test]
    fn none_needs_no_library() {
        assert_eq!(registry().choose(&Selection::None, &SearchPaths::default(), None).unwrap(), None);
    }
}
