//! The launchers that are told apart, and which library each of them can serve.

use anympi_core::{Family, Image, Vendor};
use std::fmt;

/// A way of starting the processes of an MPI job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LauncherKind {
    /// Open MPI 4 and older: `mpirun`, `orterun` and its daemons.
    OpenMpi4,
    /// Open MPI 5: `mpirun`, which runs PRRTE's `prterun`.
    OpenMpi5,
    /// MPICH's `mpiexec`, also called hydra.
    MpichHydra,
    /// Intel MPI's `mpiexec`, a descendant of hydra with variables of its own.
    IntelHydra,
    /// MPICH's `mpiexec.gforker`, which forks on one machine.
    MpichGforker,
    /// Slurm's `srun`.
    Slurm,
    /// The Parallel Application Launch Service of Cray systems.
    Pals,
    /// Flux.
    Flux,
    /// A launcher that speaks PMI and is none of the above.
    OtherPmi,
    /// A launcher that speaks PMIx and is none of the above.
    OtherPmix,
}

impl LauncherKind {
    /// Who makes the MPI library that this launcher comes with; none for a resource manager that serves several.
    pub fn vendor(self) -> Option<Vendor> {
        match self {
            Self::OpenMpi4 | Self::OpenMpi5 => Some(Vendor::OpenMpi),
            Self::MpichHydra | Self::MpichGforker => Some(Vendor::Mpich),
            Self::IntelHydra => Some(Vendor::Intel),
            Self::Slurm | Self::Pals | Self::Flux | Self::OtherPmi | Self::OtherPmix => None,
        }
    }

    /// Whether processes started by this launcher find each other through that library: `None` where it depends on
    /// how the launcher was built or called, which only the size of the world can tell.
    pub fn serves(self, image: &Image) -> Option<bool> {
        let of_open_mpi = match (image.family, image.vendor) {
            (Family::OpenMpi, _) | (_, Vendor::OpenMpi) => true,
            (Family::Mpich, _) | (_, Vendor::Mpich | Vendor::Intel) => false,
            // A library with the standard ABI of an unknown maker may be a shim over anything.
            (Family::Abi, Vendor::Other) => return None,
        };
        match self {
            Self::OpenMpi4 | Self::OpenMpi5 => Some(of_open_mpi),
            Self::MpichHydra | Self::MpichGforker | Self::IntelHydra => Some(!of_open_mpi),
            Self::Slurm | Self::Pals | Self::Flux | Self::OtherPmi | Self::OtherPmix => None,
        }
    }
}

impl fmt::Display for LauncherKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::OpenMpi4 => "Open MPI 4's mpirun",
            Self::OpenMpi5 => "Open MPI 5's mpirun",
            Self::MpichHydra => "MPICH's mpiexec",
            Self::IntelHydra => "Intel MPI's mpiexec",
            Self::MpichGforker => "MPICH's mpiexec.gforker",
            Self::Slurm => "Slurm's srun",
            Self::Pals => "Cray PALS",
            Self::Flux => "Flux",
            Self::OtherPmi => "a PMI launcher",
            Self::OtherPmix => "a PMIx launcher",
        })
    }
}
