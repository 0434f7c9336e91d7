//! `anympi list`: every installed library with its version, each function in one of three ways, and no panic for anybody.

#![expect(clippy::expect_used, reason = "a test that lacks something says what")]

use std::path::Path;
use std::process::{Command, Output, Stdio};

use anympi_testkit::installation::Installation;
use serde_json::Value;

fn anympi(arguments: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_anympi");
    Command::new(program).args(arguments).stdin(Stdio::null()).output().expect("anympi runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn json(arguments: &[&str]) -> Value {
    let output = anympi(arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// What is said of the library in a file.
fn library<'a>(list: &'a Value, file: &Path) -> &'a Value {
    let file = file.canonicalize().expect("an installed library");
    let libraries = list["libraries"].as_array().expect("an array");
    let same = |library: &&Value| {
        library["path"]
            .as_str()
            .is_some_and(|path| Path::new(path).canonicalize().is_ok_and(|path| path == file))
    };
    libraries.iter().find(same).unwrap_or_else(|| panic!("{} is not in {list:#}", file.display()))
}

#[test]
fn every_library_tells_how_it_does_each_function() {
    let installation = Installation::load().unwrap_or_else(|reason| panic!("{reason}"));
    let list = json(&["list", "--functions", "--json"]);
    for mpi in &installation.mpis {
        for file in std::iter::once(&mpi.library).chain(&mpi.abi_library) {
            let library = library(&list, file);
            assert_eq!(library["usable"], true, "{library:#}");
            assert!(!library["release"].as_str().expect("a text").is_empty(), "{library:#}");
            let functions = library["functions"].as_object().expect("an object");
            assert_eq!(functions.len(), 662);
            let count = |word: &str| functions.values().filter(|value| *value == word).count() as u64;
            for word in ["native", "emulated", "unsupported"] {
                assert_eq!(library["totals"][word], count(word), "{word} of {}", mpi.name);
            }
            assert_eq!(count("native") + count("emulated") + count("unsupported"), 662);
            // Sessions, partitioned communication and MPI_Isendrecv.
            let may_lack = if mpi.name == "openmpi4" { 23 } else { 0 };
            assert!(count("unsupported") <= may_lack, "{} lacks {}", mpi.name, count("unsupported"));
            assert_eq!(functions["MPI_Send"], "native");
            let old = file.ends_with("libmpi.so.40") || mpi.name == "mpich4";
            assert_eq!(functions["MPI_Comm_toint"], if old { "emulated" } else { "native" });
        }
    }
}

#[test]
fn the_text_shows_libraries_matrix_and_totals() {
    let output = anympi(&["list", "--functions"]);
    let said = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    for word in
        ["LIBRARY", "Open MPI 5.", "MPICH 5.", "the standard ABI", "\nMPI_Waitall ", "\nnative of 662 "]
    {
        assert!(said.contains(word), "{word} is not in:\n{said}");
    }
    assert_eq!(said.lines().filter(|line| line.starts_with("MPI_")).count(), 662);
}

#[test]
fn a_file_that_is_no_library_is_listed_with_the_reason() {
    let prefix = tempfile::tempdir().expect("a directory");
    let library = prefix.path().join("lib/libmpi.so.12");
    std::fs::create_dir(prefix.path().join("lib")).expect("a directory");
    std::fs::write(&library, "text").expect("a file");
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_anympi"));
        command.args(arguments).env("MPI_HOME", prefix.path()).stdin(Stdio::null());
        command.output().expect("anympi runs")
    };
    let said = text(&run(&["list"]).stdout);
    assert!(said.contains(&format!("{} is no shared library", library.display())), "{said}");
    let list: Value = serde_json::from_slice(&run(&["list", "--json"]).stdout).expect("JSON");
    let rejected = list["rejected"].as_array().expect("an array");
    assert!(rejected.iter().any(|tried| tried["path"] == library.to_string_lossy().as_ref()), "{list:#}");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let script = format!("'{}' completions bash | head -c 10", env!("CARGO_BIN_EXE_anympi"));
    let output = Command::new("sh").args(["-c", &script]).output().expect("a shell");
    assert_eq!((output.stdout.len(), text(&output.stderr)), (10, String::new()));
}

#[test]
fn a_wrong_command_line_is_explained() {
    let output = anympi(&["lost"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("unrecognized subcommand 'lost'"), "{}", text(&output.stderr));
    let help = text(&anympi(&["--help"]).stdout);
    assert!(help.contains("Examples:") && help.contains("anympi list"), "{help}");
}
