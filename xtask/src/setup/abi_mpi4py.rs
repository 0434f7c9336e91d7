//! mpi4py built for the standard ABI: one build that runs on every MPI through `libmpi_abi.so.1`.
//!
//! PyPI has it as source only. The source package also holds mpi4py's own test suite, which no wheel has.
//!
//! `.anympi/mpi4py-abi/` then has `site`, to be put on PYTHONPATH in front of the virtual environment with its NumPy, and
//! `source`, the unpacked package.

use std::path::PathBuf;
use std::process::Command;

use crate::failure::{Doing, Failure, Outcome};
use crate::requirements::Requirement;
use crate::step;
use crate::workspace::Workspace;

use super::part::{pip, pip_install, remove};

/// The packages that build it. They are not needed afterwards and in no other part.
pub const TOOLS: [&str; 2] = ["setuptools", "Cython"];

/// The directory of the MPI wheel that has a header of the standard ABI.
const HEADERS: &str = "mpich";

/// What the extension module must need, and no other library of an MPI.
const NEEDED: &str = "libmpi_abi.so.1";

/// Whether an earlier installation still has what its users look for.
pub fn is_there(workspace: &Workspace) -> bool {
    site(workspace).join("mpi4py").is_dir() && tests(workspace).join("main.py").is_file()
}

/// The directory for PYTHONPATH.
pub fn site(workspace: &Workspace) -> PathBuf {
    workspace.abi_mpi4py().join("site")
}

/// The directory of mpi4py's test suite.
pub fn tests(workspace: &Workspace) -> PathBuf {
    workspace.abi_mpi4py().join("source/test")
}

/// Downloads, unpacks, builds and checks.
pub fn install(workspace: &Workspace, package: &Requirement, tools: &[Requirement]) -> Outcome<()> {
    let directory = workspace.abi_mpi4py();
    let (tool_directory, download) = (directory.join("tools"), directory.join("download"));
    let log = |name: &str| workspace.logs().join(format!("setup-mpi4py-abi-{name}.log"));

    let mut get_tools = pip_install(workspace);
    get_tools.args(["--ignore-installed", "--no-deps", "--target"]).arg(&tool_directory);
    get_tools.args(tools.iter().map(Requirement::line));
    step::run("installing what builds mpi4py", &mut get_tools, &log("tools"))?;

    // Without isolation: pip would otherwise get build tools of its own choice, once here and once more below.
    let mut get_source = pip(workspace, "download");
    get_source.args(["--no-deps", "--no-build-isolation", "--no-binary", package.name, "--dest"]);
    get_source.arg(&download).arg(package.line()).env("PYTHONPATH", &tool_directory);
    let what = format!("getting the source of {} {}", package.name, package.version);
    step::run(&what, &mut get_source, &log("source"))?;

    let unpacked = format!("{}-{}", package.name, package.version);
    let mut unpack = Command::new(workspace.python());
    unpack
        .args(["-m", "tarfile", "--extract"])
        .arg(download.join(format!("{unpacked}.tar.gz")))
        .arg(&directory);
    step::run("unpacking it", &mut unpack, &log("unpack"))?;
    let source = directory.join("source");
    std::fs::rename(directory.join(&unpacked), &source).doing("rename", &directory.join(&unpacked))?;

    let prefix = workspace.mpi_prefix(HEADERS);
    // The wheel's own wrapper would note the wheel's directory in the module, which then finds that library by itself.
    // The library comes before the objects here, where the linkers of some systems forget it.
    let compiler =
        format!("cc -DMPI_ABI -I{0}/include -L{0}/lib -Wl,--no-as-needed -lmpi_abi", prefix.display());
    let mut build = pip(workspace, "install");
    build.args(["--no-deps", "--no-build-isolation", "--ignore-installed", "--target"]);
    build.arg(site(workspace)).arg(&source);
    build.env("PYTHONPATH", &tool_directory).env("MPI4PY_BUILD_MPIABI", "1").env("MPICC", compiler);
    // Built quickly: what is under test is below mpi4py.
    build.env("CFLAGS", "-O0 -g0");
    let what = format!("building {} {} for the standard ABI", package.name, package.version);
    step::run(&what, &mut build, &log("build"))?;

    remove(&tool_directory)?;
    remove(&download)?;
    check(workspace)
}

/// The module must be free of the MPI whose header it was built with.
fn check(workspace: &Workspace) -> Outcome<()> {
    let package = site(workspace).join("mpi4py");
    let entries = std::fs::read_dir(&package).doing("read", &package)?;
    let module = entries
        .flatten()
        .map(|entry| entry.path())
        .find(|path| {
            path.file_name().is_some_and(|name| {
                let name = name.to_string_lossy();
                name.starts_with("MPI.") && name.ends_with(".so")
            })
        })
        .ok_or_else(|| Failure::new(format!("{} has no extension module MPI", package.display())))?;
    let output = Command::new("ldd").arg(&module).output().doing("run ldd on", &module)?;
    let text = String::from_utf8_lossy(&output.stdout);
    match libraries_of_mpi(&text)[..] {
        [needed] if needed == NEEDED => Ok(()),
        ref other => Err(Failure::new(format!(
            "{} needs {} where it should need {NEEDED} alone",
            module.display(),
            if other.is_empty() { "no MPI".to_string() } else { other.join(" and ") }
        ))),
    }
}

/// The names in what `ldd` printed that are those of an MPI.
fn libraries_of_mpi(ldd: &str) -> Vec<&str> {
    ldd.lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| name.starts_with("libmpi") || name.starts_with("libopen-"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_libraries_of_an_mpi_are_counted() {
        let text =
            "\tlinux-vdso.so.1 (0x1)\n\tlibmpi_abi.so.1 => not found\n\tlibc.so.6 => /mpi/libc.so.6 (0x2)\n";
        assert_eq!(libraries_of_mpi(text), ["libmpi_abi.so.1"]);
        let text = "\tlibmpi.so.40 => /a/libmpi.so.40 (0x1)\n\tlibopen-pal.so.80 => not found\n";
        assert_eq!(libraries_of_mpi(text), ["libmpi.so.40", "libopen-pal.so.80"]);
    }
}
