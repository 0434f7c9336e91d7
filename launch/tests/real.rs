//! Every MPI that is installed: its launcher is found from its library, called as it wants, and recognised by its ranks.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use anympi_core::inspect;
use anympi_launch::{Launch, LauncherKind, launcher_of};
use anympi_testkit::installation::{Installation, Mpi};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// An example, which `cargo test` builds beside the tests.
fn example(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let path = tests.ancestors().nth(2).unwrap().join("examples").join(name);
    assert!(path.is_file(), "{} is missing: cargo build -p anympi-launch --examples", path.display());
    path
}

fn libraries(mpi: &Mpi) -> Vec<PathBuf> {
    std::iter::once(mpi.library.clone()).chain(mpi.abi_library.clone()).collect()
}

/// Only what lets root run it; all else must come from the launcher's own command.
fn permission(mpi: &Mpi) -> impl Iterator<Item = (&String, &String)> {
    mpi.environment.iter().filter(|(name, _)| name.starts_with("OMPI_ALLOW_RUN_AS_ROOT"))
}

/// Whether it succeeded, and all that it said.
fn run(command: &mut Command) -> (bool, String) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), text)
}

#[test]
fn every_library_has_its_launcher_at_one_two_and_four_ranks() {
    for mpi in &Installation::load().unwrap().mpis {
        for library in libraries(mpi) {
            for ranks in [1, 2, 4] {
                let launcher =
                    launcher_of(&inspect(&library).unwrap()).unwrap_or_else(|error| panic!("{error}"));
                let mut command = launcher.command(&Launch::of(ranks));
                let (success, text) = run(command.envs(permission(mpi)).arg(example("world")).arg(&library));
                let what = format!("{} {ranks} ranks, {}: {text}", mpi.name, library.display());
                assert!(success, "{what}");
                let kind = match mpi.name.as_str() {
                    "openmpi4" => LauncherKind::OpenMpi4,
                    "openmpi5" => LauncherKind::OpenMpi5,
                    "intel" => LauncherKind::IntelHydra,
                    _ => LauncherKind::MpichHydra,
                };
                let prefix = mpi.launcher.parent().and_then(Path::parent).unwrap();
                for rank in 0..ranks {
                    let line = format!("rank {rank} of {ranks} by {kind} of {}", prefix.display());
                    assert_eq!(text.matches(&line).count(), 1, "{line}: {what}");
                }
            }
        }
    }
}

#[test]
fn started_by_hand_a_process_is_alone() {
    for mpi in &Installation::load().unwrap().mpis {
        for library in libraries(mpi) {
            let (success, text) = run(Command::new(example("world")).arg(&library));
            assert!(success && text.contains("rank 0 of 1 by nobody"), "{}: {text}", mpi.name);
        }
    }
}

#[test]
fn variables_of_a_job_that_is_gone_do_no_harm() {
    let mpis = Installation::load().unwrap().mpis;
    let recordings = [
        include_str!("recorded/openmpi4.env"),
        include_str!("recorded/openmpi5.env"),
        include_str!("recorded/mpich5.env"),
    ];
    for mpi in &mpis {
        for recording in recordings {
            let leftovers = recording.lines().filter_map(|line| line.split_once('='));
            // A prefix that does not exist is a wrong installation, not a leftover.
            let leftovers =
                leftovers.filter(|(name, _)| !name.ends_with("_PREFIX") && !name.ends_with("LIBDIR_LOC"));
            let (success, text) = run(Command::new(example("world")).arg(&mpi.library).envs(leftovers));
            let title = recording.lines().next().unwrap();
            assert!(success && text.contains("rank 0 of 1 by nobody"), "{} with {title}: {text}", mpi.name);
        }
    }
}

#[test]
fn the_wrong_launcher_is_named_before_mpi_starts() {
    let mpis = Installation::load().unwrap().mpis;
    let of = |backend: &str| mpis.iter().filter(|mpi| mpi.backend == backend).collect::<Vec<_>>();
    for (open_mpi, mpich) in of("openmpi").into_iter().zip(of("mpich")) {
        for (launcher, library) in [(open_mpi, mpich), (mpich, open_mpi)] {
            let mut command = Command::new(&launcher.launcher);
            command.args(&launcher.launcher_arguments).args(["-n", "2"]).envs(&launcher.environment);
            let (success, text) = run(command.arg(example("world")).arg(&library.library));
            let right = launcher_of(&inspect(&library.library).unwrap()).unwrap().path;
            let what = format!("{} under {}: {text}", library.name, launcher.name);
            assert!(!success, "{what}");
            assert!(text.contains("started 2 processes, but "), "{what}");
            assert!(text.contains(&format!("start with {}", right.display())), "{what}");
        }
    }
}

/// A launcher that is started by a rank of another job must not trip over that job's variables.
#[test]
fn launchers_work_inside_other_jobs() {
    let mpis = Installation::load().unwrap().mpis;
    for outer in &mpis {
        for inner in &mpis {
            let mut command = Command::new(&outer.launcher);
            command.args(["-n", "1"]).envs(permission(outer)).envs(permission(inner));
            command
                .arg(example("start"))
                .arg(&inner.library)
                .arg("2")
                .arg(example("world"))
                .arg(&inner.library);
            let (success, text) = run(&mut command);
            let both = (0..2).all(|rank| text.contains(&format!("rank {rank} of 2 by")));
            assert!(success && both, "{} inside {}: {text}", inner.name, outer.name);
        }
    }
}
