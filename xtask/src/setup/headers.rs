//! What the feature `verify-headers` reads and what it reads with: the headers of Intel MPI, whose library comes without them,
//! and libclang. The headers of the other MPIs are there with their libraries.

use std::path::PathBuf;

use crate::failure::Outcome;
use crate::requirements::Requirement;
use crate::step;
use crate::workspace::Workspace;

use super::part::pip_install;

/// The packages, in the order of [`install`]'s arguments. They are needed in no other part.
pub const PACKAGES: [&str; 2] = ["impi-devel", "libclang"];

/// The directory of libclang, for the variable `LIBCLANG_PATH` of bindgen.
pub fn libclang(workspace: &Workspace) -> PathBuf {
    workspace.headers().join("clang/clang/native")
}

/// Whether an earlier installation still has what its users look for.
pub fn is_there(workspace: &Workspace) -> bool {
    workspace.headers().join("intel/include/mpi.h").is_file()
        && libclang(workspace).join("libclang.so").is_file()
}

/// Installs both.
pub fn install(workspace: &Workspace, packages: &[Requirement]) -> Outcome<()> {
    for (package, (option, directory)) in packages.iter().zip([("--prefix", "intel"), ("--target", "clang")])
    {
        let mut install = pip_install(workspace);
        install.args(["--ignore-installed", "--no-deps", option]).arg(workspace.headers().join(directory));
        install.arg(package.line());
        let log = workspace.logs().join(format!("setup-{}.log", package.name));
        step::run(&format!("installing {} {}", package.name, package.version), &mut install, &log)?;
    }
    Ok(())
}
