//! Trilinos from Debian's packages, and PyTrilinos, which Debian has as source only.
//!
//! The packages are headers and libraries for the plugin in `plugins/trilinos`. PyTrilinos is built against them, from
//! Debian's own source package: apt's downloader gets its tarball and checks it, a script of the plugin's builds it.
//! `.anympi/pytrilinos/` then has `site`, to be put on PYTHONPATH.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::failure::{Doing, Outcome};
use crate::step;
use crate::workspace::Workspace;

use super::part::remove;
use super::python;

/// A file that shows that a package is there, and the package.
const PACKAGES: &[(&str, &str)] = &[
    ("/usr/bin/make", "make"),
    ("/usr/bin/mpicxx.openmpi", "libopenmpi-dev"),
    ("/usr/include/trilinos/Teuchos_GlobalMPISession.hpp", "libtrilinos-teuchos-dev"),
    ("/usr/include/trilinos/Kokkos_Core.hpp", "libtrilinos-kokkos-dev"),
    ("/usr/include/trilinos/Tpetra_Core.hpp", "libtrilinos-tpetra-dev"),
    ("/usr/include/trilinos/Epetra_MpiComm.h", "libtrilinos-epetra-dev"),
    ("/usr/include/trilinos/AztecOO.h", "libtrilinos-aztecoo-dev"),
    ("/usr/bin/swig", "swig"),
];

/// The upstream tarball of Debian's source package, with its checksum as in the signed description of that package.
const TARBALL: &str = "http://deb.debian.org/debian/pool/main/t/trilinos/trilinos_13.2.0.orig.tar.gz";
const TARBALL_SHA256: &str = "0ddb47784ba7b8a6b9a07a4822b33be508feb4ccd54301b2a5d10c9e54524b90";

/// Apt's own downloader: it knows the proxies of this machine, and removes a file whose sum is wrong.
const APT_HELPER: &str = "/usr/lib/apt/apt-helper";

/// What builds it.
const SCRIPT: &str = include_str!("../../../plugins/trilinos/build-pytrilinos.sh");

/// What set-up says before it downloads.
pub const ANNOUNCEMENT: &str = "trilinos_13.2.0.orig.tar.gz (166 MB) from Debian, to build PyTrilinos from it; what is not PyTrilinos is removed";

/// The packages that are not there; all of Trilinos that the plugin and its tests use.
pub fn missing_packages() -> Vec<&'static str> {
    PACKAGES.iter().filter(|(file, _)| !Path::new(file).exists()).map(|&(_, package)| package).collect()
}

/// The headers of the Python that set-up uses, as a package, when they are not there: Debian keeps them apart.
pub fn missing_headers() -> Option<&'static str> {
    let question = "import os, sysconfig; assert os.path.exists(sysconfig.get_path('include') + '/Python.h')";
    let mut ask = Command::new(python::find().ok()?.program);
    ask.args(["-c", question]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let there = ask.status().is_ok_and(|status| status.success());
    (!there).then_some("python3-dev")
}

/// The directory for PYTHONPATH, when both Trilinos and PyTrilinos are there.
pub fn pytrilinos(workspace: &Workspace) -> Option<PathBuf> {
    (missing_packages().is_empty() && is_there(workspace)).then(|| site(workspace))
}

fn site(workspace: &Workspace) -> PathBuf {
    workspace.pytrilinos().join("site")
}

/// Whether an earlier installation still has what its users look for.
pub fn is_there(workspace: &Workspace) -> bool {
    site(workspace).join("PyTrilinos/_Epetra.so").is_file()
}

/// All that the result depends on: the source, the script, and Python and NumPy of the virtual environment.
pub fn stamp_text(workspace: &Workspace) -> String {
    let python = std::fs::read_to_string(workspace.venv().join("pyvenv.cfg")).unwrap_or_default();
    format!("{TARBALL_SHA256}\n{python}\n{SCRIPT}")
}

/// Downloads, unpacks and builds.
pub fn install(workspace: &Workspace) -> Outcome<()> {
    let directory = workspace.pytrilinos();
    std::fs::create_dir_all(&directory).doing("make", &directory)?;
    let log = |name: &str| workspace.logs().join(format!("setup-pytrilinos-{name}.log"));
    let (tarball, source, build) =
        (directory.join("trilinos.tar.gz"), directory.join("source"), directory.join("build"));

    let mut download = Command::new(APT_HELPER);
    download.args(["download-file", TARBALL]).arg(&tarball).arg(format!("SHA256:{TARBALL_SHA256}"));
    step::run("getting the source of Trilinos 13.2", &mut download, &log("source"))?;

    std::fs::create_dir_all(&source).doing("make", &source)?;
    let mut unpack = Command::new("tar");
    unpack.args(["--extract", "--gzip", "--strip-components=3", "--wildcards", "--file"]).arg(&tarball);
    unpack.arg("--directory").arg(&source).args(["*/packages/PyTrilinos/src", "*/packages/PyTrilinos/cmake"]);
    step::run("unpacking PyTrilinos", &mut unpack, &log("unpack"))?;
    remove(&tarball)?;

    let script = workspace.root.join("plugins/trilinos/build-pytrilinos.sh");
    let mut make = Command::new(script);
    make.args([&source, &build, &site(workspace), &workspace.python()]);
    // Built quickly: these are wrappers, and what they wrap is Debian's and optimised.
    make.env("CXXFLAGS", "-O0");
    step::run("building PyTrilinos 13.2", &mut make, &log("build"))?;
    remove(&build)
}
