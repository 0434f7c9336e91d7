//! Who started this process: the answer from variables, checked against what is still alive.
//!
//! Variables alone lie. A shell inside a job, a terminal multiplexer started from one, a script that a rank runs: all keep
//! the variables of a launcher that has nothing to do with them, or is long gone. So each set is believed only with proof
//! that its other end is there: an open socket for PMI, a listening server for PMIx. Where two sets are alive, one launcher
//! runs inside the other, and the nearest launcher among the parents is the one that started this process.

use crate::kind::LauncherKind;
use crate::surroundings::{Ancestor, Surroundings, ThisProcess};
use crate::variables::*;
use anympi_core::Vendor;
use std::fmt;
use std::path::{Path, PathBuf};

/// The launcher that started this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launcher {
    /// What it is.
    pub kind: LauncherKind,
    /// How many processes it announced for the job; none when it tells only through its protocol.
    pub size: Option<u32>,
    /// Rank that it gave to this process.
    pub rank: Option<u32>,
    /// How many of them it started on this machine.
    pub local_size: Option<u32>,
    /// Installation prefix of the launcher, so that `prefix/bin` holds it; none for a launcher of another user or machine.
    pub prefix: Option<PathBuf>,
}

impl Launcher {
    /// The launcher of this very process; none when it was started by hand, or when only stale variables speak of one.
    pub fn detect() -> Option<Self> {
        Self::detect_in(&ThisProcess)
    }

    /// As [`Launcher::detect`], for any process that can be described.
    pub fn detect_in(surroundings: &dyn Surroundings) -> Option<Self> {
        let parents: Vec<Parent> = surroundings
            .ancestors()
            .iter()
            .filter_map(|ancestor| Parent::recognise(ancestor, surroundings))
            .collect();
        let pmi = pmi_is_alive(surroundings);
        let open_mpi = surroundings.variable(OMPI_COMM_WORLD_SIZE).is_some() && pmix_is_alive(surroundings);
        match (pmi, open_mpi) {
            (true, true)
                if parents.first().is_some_and(|nearest| nearest.kind.vendor() == Some(Vendor::OpenMpi)) =>
            {
                Some(open_mpi_launcher(surroundings, &parents))
            }
            (true, _) => Some(pmi_launcher(surroundings, &parents)),
            (false, true) => Some(open_mpi_launcher(surroundings, &parents)),
            (false, false) => resource_manager(surroundings),
        }
    }

    /// Who makes the MPI library that comes with this launcher.
    pub fn vendor(&self) -> Option<Vendor> {
        self.kind.vendor()
    }
}

impl fmt::Display for Launcher {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.kind)?;
        match &self.prefix {
            Some(prefix) => write!(formatter, " of {}", prefix.display()),
            None => Ok(()),
        }
    }
}

/// A launcher recognised among the parents.
struct Parent {
    kind: LauncherKind,
    prefix: Option<PathBuf>,
}

impl Parent {
    fn recognise(ancestor: &Ancestor, surroundings: &dyn Surroundings) -> Option<Self> {
        let directory = ancestor.executable.as_deref().and_then(Path::parent);
        let name = ancestor
            .executable
            .as_deref()
            .and_then(Path::file_name)
            .map_or_else(|| ancestor.name.clone(), |name| name.to_string_lossy().into_owned());
        let kind = match name.as_str() {
            "orterun" | "orted" => LauncherKind::OpenMpi4,
            "prterun" | "prted" | "prte" => LauncherKind::OpenMpi5,
            // Intel's proxy has MPICH's name; the bootstrap proxy beside it is Intel's alone.
            "hydra_pmi_proxy" | "mpiexec.hydra" => {
                match directory.is_some_and(|bin| surroundings.exists(&bin.join("hydra_bstrap_proxy"))) {
                    true => LauncherKind::IntelHydra,
                    false => LauncherKind::MpichHydra,
                }
            }
            "hydra_bstrap_proxy" => LauncherKind::IntelHydra,
            "mpiexec.gforker" => LauncherKind::MpichGforker,
            "slurmstepd" => LauncherKind::Slurm,
            "flux-shell" => LauncherKind::Flux,
            "palsd" => LauncherKind::Pals,
            _ => return None,
        };
        Some(Self { kind, prefix: directory.and_then(Path::parent).map(Path::to_owned) })
    }
}

fn number(surroundings: &dyn Surroundings, name: &str) -> Option<u32> {
    surroundings.variable(name)?.trim().parse().ok()
}

fn has(surroundings: &dyn Surroundings, name: &str) -> bool {
    surroundings.variable(name).is_some()
}

fn prefix_of(parents: &[Parent], kind: LauncherKind) -> Option<PathBuf> {
    parents.iter().find(|parent| parent.kind == kind)?.prefix.clone()
}

/// The process manager's end is there: its socket is open in this process, or it gave an address instead of one.
fn pmi_is_alive(surroundings: &dyn Surroundings) -> bool {
    match number(surroundings, PMI_FD) {
        Some(descriptor) => surroundings.is_socket(descriptor),
        None => has(surroundings, PMI_PORT) && has(surroundings, PMI_ID) && pmi_port_is_alive(surroundings),
    }
}

/// An address on this machine must have a listener; one elsewhere cannot be checked without talking to it.
fn pmi_port_is_alive(surroundings: &dyn Surroundings) -> bool {
    let Some(address) = surroundings.variable(PMI_PORT) else { return false };
    let Some((host, port)) = address.rsplit_once(':') else { return false };
    let Ok(port) = port.parse() else { return false };
    let here = surroundings.variable("PMI_HOSTNAME");
    let local = matches!(host, "localhost" | "127.0.0.1") || here.as_deref() == Some(host);
    !local || surroundings.listens(port)
}

/// The PMIx server is there: it always listens on this machine, on the port in its address.
fn pmix_is_alive(surroundings: &dyn Surroundings) -> bool {
    let address =
        surroundings.variable(PMIX_SERVER_URI41).or_else(|| surroundings.variable(PMIX_SERVER_URI2));
    let port =
        address.as_deref().and_then(|address| address.rsplit(':').next()).and_then(|port| port.parse().ok());
    match (port, surroundings.variable(PMIX_SERVER_TMPDIR)) {
        (Some(port), _) => surroundings.listens(port),
        (None, Some(directory)) => surroundings.exists(Path::new(&directory)),
        // Open MPI before 2 has no PMIx server whose life could be asked.
        (None, None) => has(surroundings, OMPI_MCA_ORTE_LOCAL_DAEMON_URI),
    }
}

fn open_mpi_launcher(surroundings: &dyn Surroundings, parents: &[Parent]) -> Launcher {
    // The namespace is written anew by every launcher, while the variables special to one survive inside another.
    let namespace = surroundings.variable(PMIX_NAMESPACE).unwrap_or_default();
    let numeric = !namespace.is_empty() && namespace.bytes().all(|byte| byte.is_ascii_digit());
    let kind = if numeric || (namespace.is_empty() && !has(surroundings, PRTE_LAUNCHED)) {
        LauncherKind::OpenMpi4
    } else {
        LauncherKind::OpenMpi5
    };
    let told = match kind {
        LauncherKind::OpenMpi5 => surroundings.variable(OPAL_PREFIX).map(PathBuf::from),
        _ => None,
    };
    Launcher {
        kind,
        size: number(surroundings, OMPI_COMM_WORLD_SIZE),
        rank: number(surroundings, OMPI_COMM_WORLD_RANK),
        local_size: number(surroundings, OMPI_COMM_WORLD_LOCAL_SIZE),
        prefix: prefix_of(parents, kind).or(told),
    }
}

fn pmi_launcher(surroundings: &dyn Surroundings, parents: &[Parent]) -> Launcher {
    let nearest =
        parents.first().map(|parent| parent.kind).filter(|kind| kind.vendor() != Some(Vendor::OpenMpi));
    let intel = has(surroundings, I_MPI_HYDRA_TOPOLIB) || has(surroundings, I_MPI_HYDRA_UUID);
    let kind = nearest.unwrap_or_else(|| {
        if has(surroundings, HYDI_CONTROL_FD) {
            LauncherKind::MpichHydra
        } else if intel {
            LauncherKind::IntelHydra
        } else if has(surroundings, PALS_APID) {
            LauncherKind::Pals
        } else if has(surroundings, FLUX_JOB_SIZE) {
            LauncherKind::Flux
        } else if has(surroundings, SLURM_STEP_ID) {
            LauncherKind::Slurm
        } else if has(surroundings, MPI_APPNUM) && !has(surroundings, MPI_LOCALNRANKS) {
            LauncherKind::MpichGforker
        } else {
            LauncherKind::OtherPmi
        }
    });
    let by_descriptor = has(surroundings, PMI_FD);
    // With a port there is no PMI_SIZE of this job, so one that is there belongs to an outer job, unless the rank agrees.
    let identity = number(surroundings, PMI_ID);
    let sized = by_descriptor || (identity.is_some() && identity == number(surroundings, PMI_RANK));
    let size = number(surroundings, PMI_SIZE).filter(|_| sized);
    Launcher {
        kind,
        size,
        rank: if by_descriptor { number(surroundings, PMI_RANK) } else { identity },
        local_size: number(surroundings, MPI_LOCALNRANKS),
        prefix: prefix_of(parents, kind).or_else(|| match kind {
            LauncherKind::IntelHydra => surroundings.variable(I_MPI_ROOT).map(PathBuf::from),
            _ => None,
        }),
    }
}

/// No launcher of an MPI, but perhaps a resource manager's own.
fn resource_manager(surroundings: &dyn Surroundings) -> Option<Launcher> {
    let found = |kind, size, rank| Some(Launcher { kind, size, rank, local_size: None, prefix: None });
    if let (true, Some(rank)) = (has(surroundings, PALS_APID), number(surroundings, PALS_RANKID)) {
        return found(LauncherKind::Pals, None, Some(rank));
    }
    // In a batch script there is a rank but no step: nothing was launched there yet.
    if let (true, Some(rank)) = (has(surroundings, SLURM_STEP_ID), number(surroundings, SLURM_PROCID)) {
        let size = number(surroundings, SLURM_STEP_NUM_TASKS).or_else(|| number(surroundings, SLURM_NTASKS));
        return found(LauncherKind::Slurm, size, Some(rank));
    }
    if let (Some(size), Some(rank)) =
        (number(surroundings, FLUX_JOB_SIZE), number(surroundings, FLUX_TASK_RANK))
    {
        return found(LauncherKind::Flux, Some(size), Some(rank));
    }
    let rank = number(surroundings, PMIX_RANK)?;
    if has(surroundings, PMIX_NAMESPACE) && pmix_is_alive(surroundings) {
        return found(LauncherKind::OtherPmix, None, Some(rank));
    }
    None
}
