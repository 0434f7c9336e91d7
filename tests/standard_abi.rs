//! `libmpi_abi.so.1`: one C program, built once without any MPI, on every library; and what it says to bad input.

#![expect(clippy::expect_used, reason = "a test that lacks something says what")]

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anympi_testkit::installation::{Installation, Mpi};

/// The program and the directory of the library that it needs.
struct Built {
    directory: tempfile::TempDir,
}

impl Built {
    fn new(installation: &Installation) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let library = installation.programs.join("libmpi_abi.so");
        assert!(library.is_file(), "{} is not built", library.display());
        symlink(&library, directory.path().join("libmpi_abi.so.1")).expect("a link to the library");
        let built = Self { directory };
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c/ring.c");
        let output = Command::new("cc")
            .args(["-std=c99", "-Wall", "-Wextra", "-Werror", "-o"])
            .arg(built.program())
            .arg(source)
            .arg(built.directory.path().join("libmpi_abi.so.1"))
            .output()
            .expect("a C compiler");
        assert!(output.status.success(), "{}", text(&output));
        built
    }

    fn program(&self) -> PathBuf {
        self.directory.path().join("ring")
    }

    fn command(&self, launcher: Option<(&Mpi, u32)>, choice: Option<&str>) -> Command {
        let mut command = Command::new("timeout");
        command.args(["--kill-after=5", "300"]);
        if let Some((mpi, ranks)) = launcher {
            command.arg(&mpi.launcher).args(&mpi.launcher_arguments).args(["-n", &ranks.to_string()]);
            command.envs(&mpi.environment);
        }
        command.arg(self.program()).env("LD_LIBRARY_PATH", self.directory.path());
        match choice {
            Some(choice) => command.env("ANYMPI", choice),
            None => command.env_remove("ANYMPI"),
        };
        command
    }
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn run(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

fn installation() -> Installation {
    Installation::load().unwrap_or_else(|reason| panic!("{reason}"))
}

#[test]
fn one_program_runs_on_every_library() {
    let installation = installation();
    let built = Built::new(&installation);
    let needed =
        text(&run(Command::new("ldd").arg(built.program()).env("LD_LIBRARY_PATH", built.directory.path())));
    let mpis: Vec<&str> = needed.lines().filter(|line| line.contains("mpi")).collect();
    assert!(matches!(mpis[..], [line] if line.contains("libmpi_abi.so.1")), "{needed}");
    for mpi in &installation.mpis {
        for library in std::iter::once(&mpi.library).chain(&mpi.abi_library) {
            for ranks in [1, 2, 4] {
                let choice = library.to_string_lossy();
                let output = run(&mut built.command(Some((mpi, ranks)), Some(&choice)));
                let said = text(&output);
                let wanted = format!("ring of {ranks}, largest rank {}", ranks - 1);
                assert!(
                    output.status.success() && said.contains(&wanted),
                    "{choice}, {ranks} ranks:\n{said}"
                );
            }
        }
    }
}

#[test]
fn the_launcher_decides_when_nobody_else_does() {
    let installation = installation();
    let built = Built::new(&installation);
    for mpi in &installation.mpis {
        let output = run(built.command(Some((mpi, 2)), None).env("ANYMPI_VERBOSE", "1"));
        let said = text(&output);
        assert!(
            output.status.success() && said.contains("ring of 2, largest rank 1"),
            "{}:\n{said}",
            mpi.name
        );
        assert!(said.contains("anympi: ") && said.contains("found by"), "{}:\n{said}", mpi.name);
    }
}

/// Runs without a launcher; the exit code is not 0 and one sentence of ours holds every word.
fn refuses(choice: &str, words: &[&str]) {
    let built = Built::new(&installation());
    let output = run(&mut built.command(None, Some(choice)));
    let said = text(&output);
    assert_eq!(output.status.code(), Some(1), "ANYMPI={choice}:\n{said}");
    assert_eq!(said.matches("anympi: ").count(), 1, "ANYMPI={choice}:\n{said}");
    for word in words {
        assert!(said.contains(word), "ANYMPI={choice} does not say {word}:\n{said}");
    }
}

#[test]
fn unknown_names_list_the_known_ones() {
    refuses("lam", &["lam", "openmpi", "mpich", "intel", "abi"]);
}

#[test]
fn a_missing_file_is_named() {
    refuses("/nowhere/libmpi.so", &["/nowhere/libmpi.so", "cannot be read"]);
}

#[test]
fn a_damaged_file_is_named() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), b"\x7fELF damaged").expect("a damaged file");
    refuses(&file.path().to_string_lossy(), &["no shared library"]);
}

#[test]
fn a_library_of_another_family_than_named_is_refused() {
    let installation = installation();
    let mpich = installation.mpis.iter().find(|mpi| mpi.name == "mpich5").expect("mpich5");
    refuses(&format!("openmpi:{}", mpich.library.display()), &["MPICH's ABI", "openmpi"]);
}

#[test]
fn no_mpi_at_all_is_a_contradiction() {
    refuses("none", &["asks for no MPI"]);
}

#[test]
fn the_library_does_not_choose_itself() {
    let installation = installation();
    let library = installation.programs.join("libmpi_abi.so");
    refuses(&library.to_string_lossy(), &["anympi's own"]);
}
