//! What only the system's package manager can give: a C++ compiler, and Debian's own MPIs for the tests.

use std::env;
use std::process::{Command, Stdio};

use crate::failure::{Failure, Outcome};
use crate::mpis::{self, Source, TABLE};
use crate::step;
use crate::workspace::Workspace;

/// Whether a C++ compiler is there; libzmq is built from its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compiler {
    /// It answered.
    Found,
    /// None of the usual names did.
    Missing,
}

/// Looks for the compiler that the build would use.
pub fn compiler() -> Compiler {
    let named = env::var("CXX").ok().filter(|name| !name.trim().is_empty());
    let names = named.map_or_else(|| vec!["c++".into(), "g++".into(), "clang++".into()], |name| vec![name]);
    let answers = |name: &String| {
        // CXX may carry arguments.
        let mut words = name.split_whitespace();
        words.next().is_some_and(|program| {
            let mut command = Command::new(program);
            command
                .args(words)
                .arg("--version")
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            command.status().is_ok_and(|status| status.success())
        })
    };
    if names.iter().any(answers) { Compiler::Found } else { Compiler::Missing }
}

/// The packages of those MPIs of the table that come from the system and are not there.
pub fn missing_mpis(workspace: &Workspace) -> Outcome<Vec<&'static str>> {
    let mut missing = Vec::new();
    for row in TABLE {
        if let Source::Debian { packages } = row.source
            && row.locate(workspace)?.is_none()
        {
            missing.extend_from_slice(packages);
        }
    }
    Ok(missing)
}

/// The packages of tools that tests run and that are not there: a second C compiler, which reads our headers too.
pub fn missing_tools() -> Vec<&'static str> {
    if mpis::on_path("clang").is_some() { Vec::new() } else { vec!["clang"] }
}

/// Installs by apt-get when that is possible.
///
/// Without a compiler nothing can be built, so that is an error where apt-get cannot help; MPIs that cannot be had are
/// for the caller to report, and a test that lacks its tool says so.
pub fn install(workspace: &Workspace, compiler: Compiler, wanted: &[&str]) -> Outcome<()> {
    let mut packages = wanted.to_vec();
    if compiler == Compiler::Missing {
        packages.insert(0, "g++");
    }
    if packages.is_empty() {
        return Ok(());
    }
    if nix::unistd::geteuid().is_root() && mpis::on_path("apt-get").is_some() {
        eprintln!("Set-up installs by apt-get: {}", packages.join(" "));
        return apt_get(workspace, &packages);
    }
    match compiler {
        Compiler::Found => Ok(()),
        Compiler::Missing => Err(Failure::new(
            "a C++ compiler is needed to build libzmq and none was found; on Debian and Ubuntu: sudo apt-get install g++",
        )),
    }
}

fn apt_get(workspace: &Workspace, packages: &[&str]) -> Outcome<()> {
    let mut install = apt_command();
    install.args(["install", "--yes", "--no-install-recommends"]).args(packages);
    let log = workspace.logs().join("setup-apt.log");
    if step::run("installing the system's packages", &mut install, &log).is_ok() {
        return Ok(());
    }
    // Lists that are missing or old are the usual reason.
    let mut update = apt_command();
    update.arg("update");
    step::run("updating the lists of packages", &mut update, &workspace.logs().join("setup-apt-update.log"))?;
    step::run("installing the system's packages", &mut install, &log)
}

fn apt_command() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}
