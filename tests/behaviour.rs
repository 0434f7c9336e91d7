//! Every behaviour on every library at 1, 2 and 4 ranks, under the launcher of that library, and through the plugins.
//!
//! One executable serves all of them. A run says how many ranks it expects and fails with any other number, so a
//! launcher that does not fit cannot pass for N worlds of one.

#![expect(clippy::expect_used, reason = "a test that lacks something says what")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anympi_testkit::installation::{Installation, Mpi};

fn installation() -> Installation {
    Installation::load().unwrap_or_else(|reason| panic!("{reason}"))
}

/// The program under test; building the workspace builds it.
fn behave(installation: &Installation) -> PathBuf {
    let program = installation.programs.join("anympi-behave");
    assert!(program.is_file(), "{} is not built", program.display());
    program
}

fn launch(mpi: &Mpi, ranks: u32, program: &Path, arguments: &[String]) -> Output {
    Command::new("timeout")
        .args(["--kill-after=5", "300"])
        .arg(&mpi.launcher)
        .args(&mpi.launcher_arguments)
        .args(["-n", &ranks.to_string()])
        .arg(program)
        .args(arguments)
        .envs(&mpi.environment)
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}", mpi.launcher.display()))
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Both libraries of an MPI that has two.
fn libraries(mpi: &Mpi) -> impl Iterator<Item = &Path> {
    std::iter::once(&*mpi.library).chain(mpi.abi_library.as_deref())
}

fn behaves(name: &str) {
    let installation = installation();
    let program = behave(&installation);
    let Some(mpi) = installation.mpis.iter().find(|mpi| mpi.name == name) else {
        assert!(std::env::var_os("CI").is_none(), "{name} is not installed");
        eprintln!("{name} is not installed; nothing to test");
        return;
    };
    for library in libraries(mpi) {
        for ranks in [1, 2, 4] {
            let arguments = [format!("--mpi={}", library.display()), format!("--ranks={ranks}")];
            let output = launch(mpi, ranks, &program, &arguments);
            let said = text(&output);
            assert!(output.status.success(), "{} with {ranks} ranks:\n{said}", library.display());
            assert!(said.contains(&format!(", {ranks} ranks")), "{said}");
            assert!(said.contains(" passed, 0 failed"), "{said}");
        }
        let arguments =
            [format!("--mpi={}", library.display()), "--ranks=2".to_owned(), "--abort=7".to_owned()];
        let output = launch(mpi, 2, &program, &arguments);
        assert!(!output.status.success(), "an aborted job succeeded: {}", text(&output));
        assert_ne!(output.status.code(), Some(124), "an aborted job hung: {}", text(&output));
    }
}

macro_rules! on_each {
    ($($name:ident),*) => {$(
        #[test]
        fn $name() {
            behaves(stringify!($name));
        }
    )*};
}

on_each!(openmpi5, mpich5, intel, openmpi4, mpich4);

/// The example in C, compiled as its author would; the others are built beside the programs.
fn plugins(installation: &Installation, directory: &Path) -> [PathBuf; 3] {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let example = directory.join("libexample_c.so");
    let output = Command::new("cc")
        .args(["-std=c99", "-O2", "-shared", "-fPIC", "-I"])
        .arg(root.join("plugins/api/include"))
        .arg("-o")
        .arg(&example)
        .arg(root.join("plugins/example-c/example_c.c"))
        .output()
        .expect("cc");
    assert!(output.status.success(), "{}", text(&output));
    let built = |name: &str| installation.programs.join(name);
    [example, built("libexample_rust.so"), built("libanympi_rsmpi.so")]
}

#[test]
fn through_each_plugin() {
    let installation = installation();
    let program = behave(&installation);
    let directory = tempfile::tempdir().expect("a temporary directory");
    for plugin in plugins(&installation, directory.path()) {
        assert!(plugin.is_file(), "{} is not built", plugin.display());
        for mpi in installation.mpis.iter().filter(|mpi| ["openmpi5", "mpich5"].contains(&&*mpi.name)) {
            let choice = format!("{}:{}", plugin.display(), mpi.library.display());
            let output = launch(mpi, 2, &program, &[format!("--mpi={choice}"), "--ranks=2".to_owned()]);
            let said = text(&output);
            assert!(output.status.success() && said.contains(" passed, 0 failed"), "{choice}:\n{said}");
        }
    }
}

/// Trilinos calls `MPI_Init` and `MPI_Finalize` of Debian's Open MPI itself, past our table: what the table needs to emulate
/// what that library lacks must be there all the same.
#[test]
fn through_the_plugin_trilinos() {
    let installation = installation();
    let program = behave(&installation);
    let mpis =
        installation.mpis.iter().filter(|mpi| installation.pytrilinos.is_some() && mpi.name == "openmpi4");
    for mpi in mpis {
        let plugin = installation.programs.join("libanympi_trilinos.so");
        assert!(plugin.is_file(), "{} is not built", plugin.display());
        for ranks in [1, 2, 4] {
            let arguments = [format!("--mpi={}", plugin.display()), format!("--ranks={ranks}")];
            let output = launch(mpi, ranks, &program, &arguments);
            let said = text(&output);
            assert!(output.status.success() && said.contains(" passed, 0 failed"), "{ranks} ranks:\n{said}");
        }
    }
}

#[test]
fn the_executable_needs_no_mpi() {
    let program = behave(&installation());
    let output = Command::new("ldd").arg(&program).output().expect("ldd");
    let needed = text(&output);
    assert!(output.status.success() && needed.contains("libc."), "{needed}");
    let names = needed.lines().filter_map(|line| line.split_whitespace().next());
    assert_eq!(names.filter(|name| name.contains("mpi")).count(), 0, "{needed}");
}

#[test]
fn a_launcher_of_another_family_is_noticed() {
    let installation = installation();
    let program = behave(&installation);
    let find =
        |name: &str| installation.mpis.iter().find(|mpi| mpi.name == name).expect("an MPI from a wheel");
    let (launcher, library) = (find("mpich5"), find("openmpi5"));
    let arguments = [format!("--mpi={}", library.library.display()), "--ranks=2".to_owned()];
    let output = launch(launcher, 2, &program, &arguments);
    assert!(!output.status.success());
    assert!(text(&output).contains("the world has 1 ranks, 2 were expected"), "{}", text(&output));
}
