//! `anympi run`: the launcher that belongs to the library, the number of ranks that was asked for, exit codes and signals
//! passed on, and one sentence for bad input. Starts 1 to 3 ranks.

mod common;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anympi_testkit::installation::Mpi;
use common::{answer, anympi, installation, mpi, output, program, repository, text};

/// `anympi run` of so many processes on one MPI.
fn run(mpi: &Mpi, ranks: u32, arguments: &[&str]) -> Command {
    let mut command = anympi(&["run", "-n", &ranks.to_string()]);
    command.arg(format!("--mpi={}", mpi.library.display())).envs(&mpi.environment).args(arguments);
    command
}

#[test]
fn a_program_becomes_one_world_on_each_mpi() {
    let directory = tempfile::tempdir().expect("a directory");
    let ring = directory.path().join("ring");
    answer(anympi(&["cc"]).arg(repository("examples/ring.c")).arg("-o").arg(&ring));
    for mpi in &installation().mpis {
        let said = answer(&mut run(mpi, 3, &["--verbose", &ring.to_string_lossy()]));
        assert!(said.contains("ring of 3, largest rank 2"), "{}: {said}", mpi.name);
    }
}

#[test]
fn the_processes_know_which_mpi_it_is() {
    let mpi = mpi("mpich5");
    let script = "echo $ANYMPI $LD_LIBRARY_PATH $MPI4PY_MPIABI";
    let said = answer(&mut run(&mpi, 1, &["sh", "-c", script]));
    let directory = mpi.library.parent().map(Path::to_string_lossy).expect("a directory");
    assert!(said.starts_with(&format!("mpich:{}", mpi.library.display())), "{said}");
    assert!(said.contains("/mpi/lib:") && said.contains(&*directory) && said.ends_with(" mpich"), "{said}");
}

#[test]
fn exit_codes_are_passed_on() {
    for name in ["openmpi5", "mpich5"] {
        let output = output(&mut run(&mpi(name), 1, &["sh", "-c", "exit 7"]));
        assert_eq!(output.status.code(), Some(7), "{name}:\n{}", text(&output));
    }
}

/// Whether a process lives; one that nobody has waited for yet does not.
fn lives(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !stat.is_empty() && !rest.starts_with('Z'))
}

fn wait_for(what: &str, mut there: impl FnMut() -> bool) {
    let start = Instant::now();
    while !there() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what} within a minute");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Ends what a failed test has left.
struct Started(Child);

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_signal_ends_the_launcher_and_its_processes() {
    for name in ["openmpi5", "mpich5"] {
        let mpi = mpi(name);
        let mut command = Command::new(program());
        command
            .args(["run", "-n", "2"])
            .arg(format!("--mpi={}", mpi.library.display()))
            .envs(&mpi.environment);
        command.args(["sh", "-c", "echo $$; exec sleep 300"]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut started = Started(command.spawn().expect("anympi starts"));
        let lines = BufReader::new(started.0.stdout.take().expect("a pipe")).lines();
        let ranks: Vec<u32> =
            lines.take(2).map(|line| line.expect("a line").trim().parse().expect("a number")).collect();
        assert_eq!(ranks.len(), 2, "{name}");
        let signal = Command::new("kill").args(["-TERM", &started.0.id().to_string()]).status();
        assert!(signal.expect("kill").success());
        let mut status = None;
        wait_for(&format!("{name}: the launcher ends"), || {
            status = started.0.try_wait().expect("a child");
            status.is_some()
        });
        assert!(!status.expect("a status").success(), "{name}");
        wait_for(&format!("{name}: its processes end"), || !ranks.iter().any(|pid| lives(*pid)));
    }
}

#[test]
fn bad_input_is_one_sentence() {
    let refused = |arguments: &[&str], code: i32, words: &[&str]| {
        let output = output(&mut anympi(arguments));
        let said = text(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}:\n{said}");
        assert!(!said.contains("panicked"), "{said}");
        words.iter().for_each(|word| assert!(said.contains(word), "{word} is not in:\n{said}"));
    };
    refused(&["run", "-n", "2", "--mpi=lam", "true"], 1, &["lam", "openmpi", "mpich"]);
    refused(&["run", "-n", "2", "--mpi=/nowhere/libmpi.so", "true"], 1, &["/nowhere/libmpi.so"]);
    refused(&["run", "-n", "2", "--mpi=none", "true"], 2, &["leaves no MPI"]);
    refused(&["run", "-n", "0", "true"], 2, &["0"]);
    refused(&["run", "-n", "2"], 2, &["PROGRAM"]);
    let quote = format!("--mpi={}", mpi("mpich5").library.display());
    refused(&["run", "-n", "1", &quote, "--mpi-args='open", "true"], 2, &["a quote is not closed"]);
}

#[test]
fn a_variable_stands_in_for_the_option() {
    let output = output(anympi(&["run", "-n", "1", "true"]).env("ANYMPI", "lam"));
    assert!(text(&output).contains("named `lam`"), "{}", text(&output));
}
