//! Does the launcher fit the library? Asked before MPI_Init by kind, and after it by the size of the world.

use crate::detect::Launcher;
use crate::find::launcher_of;
use crate::kind::LauncherKind;
use anympi_core::{Image, LibraryInfo, Vendor};
use std::fmt;
use std::path::PathBuf;

/// A process whose launcher and library do not know each other. Its text is one sentence that says what to start instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// Who started the process.
    pub launcher: Launcher,
    /// The library, its release included.
    pub library: String,
    /// The size of the world as the library saw it; none when the mismatch was found before MPI_Init.
    pub world_size: Option<u32>,
    /// The launcher that belongs to the library, where it was found.
    pub right_launcher: Option<PathBuf>,
}

impl std::error::Error for Mismatch {}

impl fmt::Display for Mismatch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tell("--mpi=", formatter)
    }
}

impl Mismatch {
    /// The sentence for programs whose MPI is chosen by something else than `--mpi=`: the text before the name.
    #[must_use]
    pub fn sentence(&self, chosen_by: &str) -> String {
        let mut sentence = String::new();
        // Writing to a string does not fail.
        let _ = self.tell(chosen_by, &mut sentence);
        sentence
    }

    fn tell(&self, chosen_by: &str, formatter: &mut dyn fmt::Write) -> fmt::Result {
        match (self.launcher.size, self.launcher.local_size) {
            (Some(size), _) => write!(formatter, "{} started {size} processes", self.launcher)?,
            (None, Some(size)) => write!(formatter, "{} started at least {size} processes", self.launcher)?,
            (None, None) => write!(formatter, "{} started this process", self.launcher)?,
        }
        match self.world_size {
            Some(world) => write!(formatter, ", but {} sees a world of {world}", self.library)?,
            None => write!(formatter, ", but {} cannot be launched by it", self.library)?,
        }
        match &self.right_launcher {
            Some(path) => write!(formatter, ": start with {}, the launcher of that library", path.display())?,
            None => write!(formatter, ": start with the mpirun or mpiexec that belongs to that library")?,
        }
        let name = match self.launcher.vendor() {
            Some(Vendor::OpenMpi) => "openmpi",
            Some(Vendor::Mpich) => "mpich",
            Some(Vendor::Intel) => "intel",
            _ => return Ok(()),
        };
        write!(formatter, ", or choose {chosen_by}{name}")
    }
}

/// Before MPI_Init: refuses the pairs that are known to abort there or to come up as worlds of one process.
///
/// # Errors
///
/// [`Mismatch`] when the launcher and the library are of different families, or when Open MPI 5's launcher meets a
/// library of Open MPI 4. A job of one process fits everywhere, and what cannot be known is left to [`check_world`].
pub fn check_library(launcher: Option<&Launcher>, info: &LibraryInfo) -> Result<(), Mismatch> {
    let Some(launcher) = launcher else { return Ok(()) };
    if launcher.size == Some(1) && !aborts_alone(launcher, info) {
        return Ok(());
    }
    let old_library = info.release.is_some_and(|(major, _, _)| major < 5);
    let too_new =
        launcher.kind == LauncherKind::OpenMpi5 && info.image.vendor == Vendor::OpenMpi && old_library;
    if too_new || launcher.kind.serves(&info.image) == Some(false) {
        return Err(mismatch(launcher, info, None));
    }
    Ok(())
}

/// Pairs that do not even come up as a world of one: MPICH 5 meets PMIx variables, Open MPI 4 a foreign OPAL_PREFIX.
fn aborts_alone(launcher: &Launcher, info: &LibraryInfo) -> bool {
    let open_mpi = launcher.vendor() == Some(Vendor::OpenMpi);
    let release = info.release.map_or(0, |(major, _, _)| major);
    match info.image.vendor {
        Vendor::Mpich => open_mpi && release >= 5,
        Vendor::OpenMpi => launcher.kind == LauncherKind::OpenMpi5 && release < 5,
        _ => false,
    }
}

/// After MPI_Init: the world must have the size that the launcher announced.
///
/// # Errors
///
/// [`Mismatch`] when it has not: then each process believes to be rank 0 of a world of its own.
pub fn check_world(launcher: Option<&Launcher>, info: &LibraryInfo, world_size: u32) -> Result<(), Mismatch> {
    let Some(launcher) = launcher else { return Ok(()) };
    let announced = launcher.size.is_none_or(|size| size == world_size);
    let present = launcher.size.is_some() || launcher.local_size.is_none_or(|size| size <= world_size);
    if announced && present { Ok(()) } else { Err(mismatch(launcher, info, Some(world_size))) }
}

fn mismatch(launcher: &Launcher, info: &LibraryInfo, world_size: Option<u32>) -> Mismatch {
    Mismatch {
        launcher: launcher.clone(),
        library: info.summary(),
        world_size,
        right_launcher: right_launcher(&info.image),
    }
}

fn right_launcher(image: &Image) -> Option<PathBuf> {
    launcher_of(image).ok().map(|command| command.path)
}
