//! `libmpi_abi.so.1`: one C program and one Rust program of rsmpi, each built once without any MPI, on every library; and
//! what the library says to bad input.

#![expect(clippy::expect_used, reason = "a test that lacks something says what")]

use std::ffi::OsStr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anympi_testkit::installation::{Installation, Mpi};

/// A program and the directory of the library that it needs.
struct Built {
    program: PathBuf,
    directory: tempfile::TempDir,
    anympi: PathBuf,
}

impl Built {
    /// `examples/ring.c`, compiled here.
    fn c(installation: &Installation) -> Self {
        let mut built = Self::beside_the_library(installation);
        built.program = built.compile("ring", &[], &["examples/ring.c"]);
        built
    }

    /// `examples/rsmpi`, which `cargo xtask test` builds beside the programs.
    fn rsmpi(installation: &Installation) -> Self {
        let mut built = Self::beside_the_library(installation);
        built.program = installation.programs.with_file_name("rsmpi").join("debug/rsmpi-ring");
        assert!(built.program.is_file(), "{} is not built", built.program.display());
        built
    }

    /// No program yet, but a directory with the library under the name that programs look for.
    fn beside_the_library(installation: &Installation) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let library = installation.programs.join("libmpi_abi.so");
        assert!(library.is_file(), "{} is not built", library.display());
        symlink(&library, directory.path().join("libmpi_abi.so.1")).expect("a link to the library");
        Self { program: PathBuf::new(), directory, anympi: installation.programs.join("anympi") }
    }

    /// Compiles sources of the repository into a file beside the library, and gives its path.
    fn compile(&self, name: &str, options: &[&str], sources: &[&str]) -> PathBuf {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let made = self.directory.path().join(name);
        let output = Command::new(&self.anympi)
            .args(["cc", "-std=c99", "-Wall", "-Wextra", "-Werror"])
            .args(options)
            .arg("-o")
            .arg(&made)
            .args(sources.iter().map(|source| root.join(source)))
            .output()
            .expect("anympi cc");
        assert!(output.status.success(), "{}", text(&output));
        made
    }

    fn command(&self, launcher: Option<(&Mpi, u32)>, choice: Option<&str>) -> Command {
        self.command_of(&[self.program.as_os_str()], launcher, choice)
    }

    fn command_of(&self, program: &[&OsStr], launcher: Option<(&Mpi, u32)>, choice: Option<&str>) -> Command {
        let mut command = Command::new("timeout");
        command.args(["--kill-after=5", "300"]);
        if let Some((mpi, ranks)) = launcher {
            command.arg(&mpi.launcher).args(&mpi.launcher_arguments).args(["-n", &ranks.to_string()]);
            command.envs(&mpi.environment);
        }
        command.args(program).env("LD_LIBRARY_PATH", self.directory.path());
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

/// Runs a program on all libraries at 2 and 4 ranks; rank 0 must say the words for that number.
fn runs_on_every_library(installation: &Installation, built: &Built, words: fn(u32) -> String) {
    let needed =
        text(&run(Command::new("ldd").arg(&built.program).env("LD_LIBRARY_PATH", built.directory.path())));
    let mpis: Vec<&str> = needed.lines().filter(|line| line.trim_start().starts_with("libmpi")).collect();
    let ours = built.directory.path().join("libmpi_abi.so.1");
    assert!(matches!(mpis[..], [line] if line.contains(&*ours.to_string_lossy())), "{needed}");
    for mpi in &installation.mpis {
        for library in std::iter::once(&mpi.library).chain(&mpi.abi_library) {
            for ranks in [2, 4] {
                let choice = library.to_string_lossy();
                let output = run(&mut built.command(Some((mpi, ranks)), Some(&choice)));
                let said = text(&output);
                let wanted = words(ranks);
                assert!(
                    output.status.success() && said.contains(&wanted),
                    "{choice}, {ranks} ranks:\n{said}"
                );
            }
        }
    }
}

#[test]
fn one_c_program_runs_on_every_library() {
    let installation = installation();
    let words = |ranks| format!("ring of {ranks}, largest rank {}", ranks - 1);
    runs_on_every_library(&installation, &Built::c(&installation), words);
}

#[test]
fn one_rust_program_runs_on_every_library() {
    let installation = installation();
    let words = |ranks| format!("rsmpi: ring of {ranks}, sum {}, on ", ranks * (ranks - 1) / 2);
    runs_on_every_library(&installation, &Built::rsmpi(&installation), words);
}

#[test]
fn sessions_and_infos_live_before_and_after_the_world() {
    let installation = installation();
    let built = Built::beside_the_library(&installation);
    let program = built.compile("life", &[], &["tests/c/life.c"]);
    for mpi in &installation.mpis {
        for library in std::iter::once(&mpi.library).chain(&mpi.abi_library) {
            // A session of Intel MPI 2021.18 counts as MPI_Init, which then cannot follow.
            let modes: &[&str] = if mpi.name == "intel" { &["sessions"] } else { &["world", "sessions"] };
            for mode in modes {
                let choice = library.to_string_lossy();
                let strictness = if ["mpich4", "intel"].contains(&&*mpi.name) { "lenient" } else { "strict" };
                let line = [program.as_os_str(), mode.as_ref(), "2".as_ref(), strictness.as_ref()];
                let output = run(&mut built.command_of(&line, Some((mpi, 2)), Some(&choice)));
                let said = text(&output);
                assert!(
                    output.status.success() && said.matches("lived with 2").count() == 2,
                    "{choice}, {mode}:\n{said}"
                );
            }
        }
    }
}

#[test]
fn the_launcher_decides_when_nobody_else_does() {
    let installation = installation();
    let built = Built::c(&installation);
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

#[test]
fn a_tool_that_interposes_sees_each_call_once() {
    let installation = installation();
    let built = Built::c(&installation);
    let tool = built.compile("libtool.so", &["-shared", "-fPIC"], &["tests/c/tool.c"]);
    let preload = format!("LD_PRELOAD={}", tool.display());
    let program = built.program.clone();
    let linked = built.compile("ring-with-tool", &[], &["examples/ring.c", "tests/c/tool.c"]);
    for mpi in &installation.mpis {
        for library in std::iter::once(&mpi.library).chain(&mpi.abi_library) {
            let preloaded = ["env".as_ref(), preload.as_ref(), program.as_os_str()];
            for program in [&preloaded[..], &[linked.as_os_str()]] {
                let choice = library.to_string_lossy();
                let output = run(&mut built.command_of(program, Some((mpi, 2)), Some(&choice)));
                let said = text(&output);
                let wanted =
                    "tool: Init 1 Comm_rank 1 Sendrecv 1 Op_create 1 Allreduce 1 Op_free 1 others 0\n";
                assert!(output.status.success(), "{choice}:\n{said}");
                assert_eq!(said.matches(wanted).count(), 2, "{choice}, {program:?}:\n{said}");
            }
        }
    }
}

#[test]
fn a_launcher_that_does_not_fit_is_named() {
    let installation = installation();
    let built = Built::c(&installation);
    let find = |name: &str| {
        installation.mpis.iter().find(|mpi| mpi.name == name).expect("an MPI that set-up installs")
    };
    for (launcher, library) in
        [("openmpi5", "mpich5"), ("mpich5", "openmpi5"), ("openmpi5", "openmpi4"), ("intel", "openmpi4")]
    {
        let choice = find(library).library.to_string_lossy().into_owned();
        let output = run(&mut built.command(Some((find(launcher), 2)), Some(&choice)));
        let said = text(&output);
        assert!(!output.status.success(), "{choice} under {launcher}:\n{said}");
        assert!(!said.contains("ring of"), "{choice} under {launcher}:\n{said}");
        for words in ["anympi: ", " started ", ": start with ", "or choose ANYMPI="] {
            assert!(said.contains(words), "{choice} under {launcher} does not say {words}:\n{said}");
        }
    }
}

/// Runs without a launcher; the exit code is not 0 and one sentence of ours holds every word.
fn refuses(choice: &str, words: &[&str]) {
    let built = Built::c(&installation());
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
fn a_truncated_library_is_named() {
    let installation = installation();
    let mpich = installation.mpis.iter().find(|mpi| mpi.name == "mpich5").expect("mpich5");
    let whole = std::fs::read(&mpich.library).expect("a library");
    for part in [2, 16] {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), &whole[..whole.len() / part]).expect("a truncated library");
        refuses(&file.path().to_string_lossy(), &[&file.path().to_string_lossy()]);
    }
}

#[test]
fn a_library_that_is_no_mpi_is_named() {
    refuses("/lib/x86_64-linux-gnu/libc.so.6", &["libc.so.6", "MPI"]);
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
