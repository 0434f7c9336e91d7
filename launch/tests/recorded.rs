//! Every launcher's recorded variables, alone, stale and nested: who started the process, and does it fit?
//!
//! The sets under `recorded/` were taken from real ranks; what is alive is chosen by each case.

use anympi_core::{Family, Image, LibraryInfo, Vendor};
use anympi_launch::variables::describes_a_job;
use anympi_launch::{
    Ancestor, Change, Launcher, LauncherKind, Recorded, Surroundings, check_library, check_world, repairs_in,
};
use std::path::{Path, PathBuf};

const OPEN_MPI_4: &str = include_str!("recorded/openmpi4.env");
const OPEN_MPI_5: &str = include_str!("recorded/openmpi5.env");
const MPICH_4: &str = include_str!("recorded/mpich4.env");
const MPICH_5: &str = include_str!("recorded/mpich5.env");
const MPICH_5_PORT: &str = include_str!("recorded/mpich5-pmi-port.env");
const GFORKER: &str = include_str!("recorded/mpich5-gforker.env");
const INTEL: &str = include_str!("recorded/intel.env");

/// Ports of the servers in the recordings.
const ALIVE: &[u16] = &[49675, 38593, 44971];
/// Descriptors of the PMI sockets in the recordings.
const SOCKETS: &[u32] = &[6, 8, 9, 11];

fn variables(text: &str) -> impl Iterator<Item = (String, String)> + '_ {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_once('=').unwrap_or_else(|| panic!("no variable: {line}")))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
}

/// A process whose environment is the sum of the sets, the last winning, with everything alive.
fn process(sets: &[&str]) -> Recorded {
    Recorded {
        variables: sets.iter().flat_map(|set| variables(set)).collect(),
        sockets: SOCKETS.iter().copied().collect(),
        listeners: ALIVE.iter().copied().collect(),
        ..Recorded::default()
    }
}

fn dead(sets: &[&str]) -> Recorded {
    Recorded { variables: process(sets).variables, ..Recorded::default() }
}

fn under(mut process: Recorded, parents: &[&str]) -> Recorded {
    process.ancestors = parents.iter().map(|parent| Ancestor::running(*parent)).collect();
    process
}

fn image(family: Family, vendor: Vendor) -> Image {
    Image { path: PathBuf::from("/nowhere/lib/libmpi.so"), soname: None, family, vendor }
}

fn library(family: Family, vendor: Vendor, major: u32) -> LibraryInfo {
    LibraryInfo {
        backend: "test",
        image: image(family, vendor),
        version: format!("Library {major}.0.0"),
        release: Some((major, 0, 0)),
        standard: (4, 0),
    }
}

#[test]
fn each_launcher_is_known_by_its_variables() {
    use LauncherKind::*;
    let cases = [
        ("Open MPI 4", OPEN_MPI_4, OpenMpi4, Some(2), Some(1), Some(2)),
        ("Open MPI 5", OPEN_MPI_5, OpenMpi5, Some(2), Some(0), Some(2)),
        ("MPICH 4", MPICH_4, MpichHydra, Some(2), Some(0), Some(2)),
        ("MPICH 5", MPICH_5, MpichHydra, Some(2), Some(0), Some(2)),
        ("MPICH 5 over TCP", MPICH_5_PORT, MpichHydra, None, Some(1), Some(2)),
        ("gforker", GFORKER, MpichGforker, Some(2), Some(0), None),
        ("Intel", INTEL, IntelHydra, Some(2), Some(1), Some(2)),
    ];
    for (name, set, kind, size, rank, local_size) in cases {
        let launcher = Launcher::detect_in(&process(&[set])).unwrap_or_else(|| panic!("{name} not detected"));
        assert_eq!(
            (launcher.kind, launcher.size, launcher.rank, launcher.local_size),
            (kind, size, rank, local_size),
            "{name}"
        );
    }
}

#[test]
fn variables_without_the_other_end_are_no_launcher() {
    for set in [OPEN_MPI_4, OPEN_MPI_5, MPICH_4, MPICH_5, MPICH_5_PORT, GFORKER, INTEL] {
        assert_eq!(Launcher::detect_in(&dead(&[set])), None, "{set}");
    }
    assert_eq!(Launcher::detect_in(&Recorded::default()), None);
}

#[test]
fn a_stale_set_does_not_hide_the_living_one() {
    let mut hydra_in_dead_open_mpi = process(&[OPEN_MPI_5, MPICH_5]);
    hydra_in_dead_open_mpi.listeners.clear();
    assert_eq!(Launcher::detect_in(&hydra_in_dead_open_mpi).unwrap().kind, LauncherKind::MpichHydra);

    let mut open_mpi_in_hydra = process(&[MPICH_5, OPEN_MPI_5]);
    open_mpi_in_hydra.sockets.clear();
    assert_eq!(Launcher::detect_in(&open_mpi_in_hydra).unwrap().kind, LauncherKind::OpenMpi5);
}

#[test]
fn where_two_are_alive_the_nearest_parent_decides() {
    let open_mpi = "/opt/openmpi/bin/prterun";
    let hydra = "/opt/mpich/bin/hydra_pmi_proxy";
    let inner = under(process(&[OPEN_MPI_5, MPICH_5]), &["/bin/bash", hydra, "/bin/bash", open_mpi]);
    let launcher = Launcher::detect_in(&inner).unwrap();
    assert_eq!((launcher.kind, launcher.prefix), (LauncherKind::MpichHydra, Some("/opt/mpich".into())));
    let inner = under(process(&[MPICH_5, OPEN_MPI_5]), &["/usr/bin/env", open_mpi, hydra]);
    let launcher = Launcher::detect_in(&inner).unwrap();
    assert_eq!((launcher.kind, launcher.prefix), (LauncherKind::OpenMpi5, Some("/opt/openmpi".into())));
}

#[test]
fn hydra_of_intel_and_of_mpich_inside_each_other() {
    let intel = "/opt/intel/bin/hydra_pmi_proxy";
    let mpich = "/opt/mpich/bin/hydra_pmi_proxy";
    let with_intel = |mut process: Recorded| {
        process.paths.insert("/opt/intel/bin/hydra_bstrap_proxy".into());
        process
    };
    let inner = with_intel(under(process(&[MPICH_4, INTEL]), &[intel, "/bin/sh", mpich]));
    let launcher = Launcher::detect_in(&inner).unwrap();
    assert_eq!((launcher.kind, launcher.prefix), (LauncherKind::IntelHydra, Some("/opt/intel".into())));
    let inner = with_intel(under(process(&[INTEL, MPICH_4]), &[mpich, "/bin/sh", intel]));
    assert_eq!(Launcher::detect_in(&inner).unwrap().kind, LauncherKind::MpichHydra);
}

#[test]
fn open_mpi_releases_inside_each_other() {
    assert_eq!(
        Launcher::detect_in(&process(&[OPEN_MPI_5, OPEN_MPI_4])).unwrap().kind,
        LauncherKind::OpenMpi4
    );
    assert_eq!(
        Launcher::detect_in(&process(&[OPEN_MPI_4, OPEN_MPI_5])).unwrap().kind,
        LauncherKind::OpenMpi5
    );
}

#[test]
fn the_prefix_comes_from_the_parents_or_the_variables() {
    let launcher = Launcher::detect_in(&process(&[OPEN_MPI_5])).unwrap();
    assert_eq!(launcher.prefix, Some("/opt/openmpi".into()));
    let launcher = Launcher::detect_in(&under(process(&[OPEN_MPI_4]), &["/usr/bin/orterun"])).unwrap();
    assert_eq!(launcher.prefix, Some("/usr".into()));
    assert_eq!(Launcher::detect_in(&process(&[OPEN_MPI_4])).unwrap().prefix, None);
}

#[test]
fn resource_managers_are_launchers_of_their_own() {
    let slurm = "SLURM_STEP_ID=0\nSLURM_PROCID=3\nSLURM_STEP_NUM_TASKS=4\nSLURM_NTASKS=8";
    let launcher = Launcher::detect_in(&process(&[slurm])).unwrap();
    assert_eq!((launcher.kind, launcher.size, launcher.rank), (LauncherKind::Slurm, Some(4), Some(3)));
    assert_eq!(launcher.vendor(), None);
    // A batch script has a rank and a size, but nothing was launched.
    assert_eq!(Launcher::detect_in(&process(&["SLURM_PROCID=0\nSLURM_NTASKS=8"])), None);
    // mpirun starts its daemons by srun, so their ranks have a step as well.
    let launcher = Launcher::detect_in(&process(&[slurm, MPICH_5])).unwrap();
    assert_eq!((launcher.kind, launcher.size), (LauncherKind::MpichHydra, Some(2)));
    let pmi2 = "SLURM_STEP_ID=0\nSLURM_PROCID=3\nSLURM_NTASKS=4\nPMI_FD=6\nPMI_RANK=3\nPMI_SIZE=4";
    let launcher = Launcher::detect_in(&process(&[pmi2])).unwrap();
    assert_eq!((launcher.kind, launcher.size), (LauncherKind::Slurm, Some(4)));
    let launcher = Launcher::detect_in(&process(&["PALS_APID=a\nPALS_RANKID=2"])).unwrap();
    assert_eq!((launcher.kind, launcher.size, launcher.rank), (LauncherKind::Pals, None, Some(2)));
    let launcher = Launcher::detect_in(&process(&["FLUX_JOB_SIZE=4\nFLUX_TASK_RANK=2"])).unwrap();
    assert_eq!((launcher.kind, launcher.size, launcher.rank), (LauncherKind::Flux, Some(4), Some(2)));
    let pmix = "PMIX_NAMESPACE=a\nPMIX_RANK=1\nPMIX_SERVER_URI2=a.0;tcp4://127.0.0.1:49675";
    assert_eq!(Launcher::detect_in(&process(&[pmix])).unwrap().kind, LauncherKind::OtherPmix);
    assert_eq!(Launcher::detect_in(&dead(&[pmix])), None);
}

#[test]
fn the_world_must_have_the_announced_size() {
    let mpich = library(Family::Mpich, Vendor::Mpich, 5);
    let launcher = Launcher::detect_in(&process(&[OPEN_MPI_4])).unwrap();
    assert_eq!(check_world(Some(&launcher), &mpich, 2), Ok(()));
    let mismatch = check_world(Some(&launcher), &mpich, 1).unwrap_err().to_string();
    assert!(mismatch.starts_with("Open MPI 4's mpirun started 2 processes, but "), "{mismatch}");
    assert!(mismatch.contains("sees a world of 1") && mismatch.contains("--mpi=openmpi"), "{mismatch}");
    assert!(!mismatch.contains('\n'), "{mismatch}");
    // No size, but two ranks on this machine.
    let launcher = Launcher::detect_in(&process(&[MPICH_5_PORT])).unwrap();
    assert!(check_world(Some(&launcher), &mpich, 1).is_err());
    assert_eq!(check_world(Some(&launcher), &mpich, 8), Ok(()));
    assert_eq!(check_world(None, &mpich, 1), Ok(()));
}

#[test]
fn pairs_that_cannot_work_are_refused_before_mpi_init() {
    let libraries = [
        ("O4", library(Family::OpenMpi, Vendor::OpenMpi, 4)),
        ("O5", library(Family::OpenMpi, Vendor::OpenMpi, 5)),
        ("M4", library(Family::Mpich, Vendor::Mpich, 4)),
        ("M5", library(Family::Mpich, Vendor::Mpich, 5)),
        ("M5a", library(Family::Abi, Vendor::Mpich, 5)),
        ("I", library(Family::Mpich, Vendor::Intel, 2021)),
        ("Ia", library(Family::Abi, Vendor::Intel, 2021)),
    ];
    // The matrix of which pair reaches a world of two. Intel's library under MPICH 4's hydra does so unless the ranks share
    // cores, which cannot be known here.
    let matrix = [
        (OPEN_MPI_4, "O4 O5"),
        (OPEN_MPI_5, "O5"),
        (MPICH_4, "M4 M5 M5a I Ia"),
        (MPICH_5, "M4 M5 M5a I Ia"),
        (INTEL, "M4 M5 M5a I Ia"),
    ];
    for (set, working) in matrix {
        let launcher = Launcher::detect_in(&process(&[set])).unwrap();
        for (name, info) in &libraries {
            let works = working.split(' ').any(|working| working == *name);
            assert_eq!(check_library(Some(&launcher), info).is_ok(), works, "{launcher} with {name}");
            assert_eq!(check_library(None, info), Ok(()));
        }
    }
}

#[test]
fn a_job_of_one_fits_every_library_that_comes_up() {
    let mut launcher = Launcher::detect_in(&process(&[OPEN_MPI_5])).unwrap();
    launcher.size = Some(1);
    assert_eq!(check_library(Some(&launcher), &library(Family::Mpich, Vendor::Intel, 2021)), Ok(()));
    assert!(check_library(Some(&launcher), &library(Family::Mpich, Vendor::Mpich, 5)).is_err());
    assert!(check_library(Some(&launcher), &library(Family::OpenMpi, Vendor::OpenMpi, 4)).is_err());
}

fn removed(process: &Recorded, family: Family, vendor: Vendor) -> Vec<String> {
    let launcher = Launcher::detect_in(process);
    repairs_in(process, launcher.as_ref(), &image(family, vendor))
        .into_iter()
        .map(|change| match change {
            Change::Remove { name, .. } => name,
            Change::Set { name, .. } => panic!("{name} is set"),
        })
        .collect()
}

#[test]
fn leftovers_are_removed_before_mpi_init() {
    let mut nested = process(&[OPEN_MPI_5, MPICH_5]);
    nested.listeners.clear();
    let names = removed(&nested, Family::Mpich, Vendor::Mpich);
    assert!(
        names.contains(&"PMIX_NAMESPACE".into()) && names.iter().all(|name| name.starts_with("PMIX_")),
        "{names:?}"
    );
    assert_eq!(removed(&process(&[MPICH_5]), Family::Mpich, Vendor::Mpich), [""; 0]);
    assert_eq!(removed(&process(&[OPEN_MPI_5]), Family::OpenMpi, Vendor::OpenMpi), [""; 0]);
    let names = removed(&dead(&[GFORKER]), Family::Mpich, Vendor::Intel);
    assert_eq!(names, ["MPI_APPNUM", "MPI_UNIVERSE_SIZE", "PMI_FD", "PMI_RANK", "PMI_SIZE"]);
    for set in [OPEN_MPI_4, OPEN_MPI_5, MPICH_5, INTEL] {
        let names = removed(&dead(&[set]), Family::OpenMpi, Vendor::OpenMpi);
        let wanted: Vec<_> =
            dead(&[set]).variables.into_keys().filter(|name| describes_a_job(name)).collect();
        assert_eq!(names, wanted);
    }
    assert_eq!(removed(&Recorded::default(), Family::Mpich, Vendor::Mpich), [""; 0]);
}

/// A launcher that is started from inside any job must see nothing of it.
#[test]
fn what_describes_a_job_is_recognised() {
    let kept = ["GFORTRAN_UNBUFFERED_PRECONNECTED", "HYDRA_IP_VERSION", "OPAL_PREFIX", "PMI_DEBUG"];
    for set in [OPEN_MPI_4, OPEN_MPI_5, MPICH_4, MPICH_5, MPICH_5_PORT, GFORKER, INTEL] {
        for (name, _) in variables(set) {
            let expected = !kept.contains(&name.as_str())
                && !name.starts_with("PMIX_MCA_")
                && !["I_MPI_BIND_WIN_ALLOCATE", "I_MPI_INTERNAL_MEM_POLICY", "I_MPI_RETURN_WIN_MEM_NUMA"]
                    .contains(&name.as_str());
            assert_eq!(describes_a_job(&name), expected, "{name}");
        }
    }
    for name in
        ["PATH", "OMPI_MCA_btl", "OMPI_ALLOW_RUN_AS_ROOT", "I_MPI_PIN", "MPIR_CVAR_CH4_PROGRESS_THROTTLE"]
    {
        assert!(!describes_a_job(name), "{name}");
    }
}

#[test]
fn recorded_surroundings_answer_like_a_process() {
    let process = process(&["A=\nB=1"]);
    assert_eq!(process.variable("A"), None);
    assert_eq!(process.variable("B"), Some("1".into()));
    assert!(!process.exists(Path::new("/")));
}
