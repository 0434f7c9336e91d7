//! `anympi doctor`: nothing to complain of where all is well, and each problem with what to do.

#![expect(clippy::expect_used, reason = "a test that lacks something says what")]

mod common;

use std::path::Path;
use std::process::Command;

use common::{anympi, installation, mpi, output, text};
use serde_json::Value;

/// The question about one MPI, with its launcher first in PATH and the tests' Python.
fn doctor(name: &str, arguments: &[&str]) -> Command {
    let mpi = mpi(name);
    let python = installation().python;
    let bin = python.parent().expect("a directory");
    let launchers = mpi.launcher.parent().expect("a directory");
    let mut command = anympi(&["doctor", &format!("--mpi={}", mpi.library.display())]);
    command.args(arguments).envs(&mpi.environment);
    command.env("PATH", format!("{}:{}:/usr/bin:/bin", launchers.display(), bin.display()));
    command.env("VIRTUAL_ENV", bin.parent().expect("a directory"));
    command
}

#[test]
fn where_all_is_well_nothing_is_wrong() {
    for name in ["openmpi5", "mpich5"] {
        let output = output(&mut doctor(name, &["--json"]));
        let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(report["problems"], Value::Array(Vec::new()), "{name}: {report:#}");
        assert!(output.status.success());
        let library = mpi(name).library;
        assert!(
            report["chosen"].as_str().expect("a text").ends_with(&*library.to_string_lossy()),
            "{report:#}"
        );
        let launchers = report["launchers"].as_array().expect("an array");
        let of_library = |entry: &&Value| entry["library"].as_str().map(Path::new) == Some(library.as_path());
        let launcher = launchers.iter().find(of_library).expect("the library")["launcher"].as_str();
        let prefix = library.parent().and_then(Path::parent).expect("a prefix").to_string_lossy();
        assert!(launcher.expect("a launcher").starts_with(&*prefix), "{report:#}");
        assert_eq!(report["python"]["mpi4py_modules"], serde_json::json!(["mpich", "openmpi"]), "{report:#}");
    }
}

#[test]
fn the_text_tells_the_choice_and_why() {
    let output = output(&mut doctor("mpich5", &[]));
    let said = text(&output);
    assert!(output.status.success(), "{said}");
    for word in [
        "MPI library",
        "chooses MPICH 5.",
        "Launchers",
        "`mpiexec` is ",
        "Building programs",
        "Python 3.",
        "No problem found",
    ] {
        assert!(said.contains(word), "{word} is not in:\n{said}");
    }
}

#[test]
fn problems_are_sentences_that_say_what_to_do() {
    let other = mpi("openmpi5").launcher;
    let path = format!("{}:/usr/bin:/bin", other.parent().expect("a directory").display());
    let output = output(doctor("mpich5", &[]).env("PATH", path).env("ANYMPI_PYTHON", "/nowhere/python"));
    let said = text(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let problem = |words: &[&str]| {
        let is_it = |line: &str| line.starts_with("  - ") && words.iter().all(|word| line.contains(word));
        assert!(said.lines().any(is_it), "{words:?} is no problem of:\n{said}");
    };
    problem(&["`mpirun` is ", "Open MPI 5", "anympi run"]);
    problem(&["ANYMPI_PYTHON", "/nowhere/python", "there is no such file"]);

    let output = common::output(&mut anympi(&["doctor", "--mpi=/nowhere/libmpi.so"]));
    let said = text(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("- --mpi=/nowhere/libmpi.so gives no library") && said.contains("MPI_HOME"),
        "{said}"
    );
}
