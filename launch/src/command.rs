//! How the launcher of a library wants to be called.
//!
//! What each needs was found by running it: Open MPI refuses more ranks than cores, refuses root, and fails under a foreign
//! OPAL_PREFIX; hydra and Intel's take what they get; all of them stumble over the variables of a job around them.

use crate::cores::physical_cores;
use crate::kind::LauncherKind;
use crate::repair::Change;
use crate::variables::*;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A launcher that was found and identified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LauncherCommand {
    /// The program to run.
    pub path: PathBuf,
    /// What it is, as it says itself.
    pub kind: LauncherKind,
    /// Its version, as it says itself; empty for one that does not.
    pub version: String,
    /// Installation prefix: the directory above the program's own.
    pub prefix: PathBuf,
}

/// What is to be launched.
#[derive(Debug, Clone)]
pub struct Launch {
    /// How many processes.
    pub ranks: u32,
    /// Variables of the environment that must reach every process, on other machines too.
    pub exported: Vec<String>,
    /// More arguments for the launcher, put before the program.
    pub arguments: Vec<OsString>,
    /// Cores of this machine, see [`physical_cores`].
    pub cores: usize,
    /// Whether all processes run on this machine, so that its cores are all there is.
    pub local: bool,
}

impl Launch {
    /// So many processes on the machines that this process was given: its own, unless a resource manager says otherwise.
    pub fn of(ranks: u32) -> Self {
        let local = !ALLOCATIONS.iter().any(|name| std::env::var_os(name).is_some());
        Self { ranks, exported: Vec::new(), arguments: Vec::new(), cores: physical_cores(), local }
    }

    /// Whether ranks will have to share cores.
    pub fn oversubscribes(&self) -> bool {
        self.local && self.ranks as usize > self.cores
    }
}

impl LauncherCommand {
    pub(crate) fn new(path: PathBuf, kind: LauncherKind, version: String) -> Self {
        let prefix = path.parent().and_then(Path::parent).map(Path::to_owned).unwrap_or_default();
        Self { path, kind, version, prefix }
    }

    fn is_open_mpi(&self) -> bool {
        matches!(self.kind, LauncherKind::OpenMpi4 | LauncherKind::OpenMpi5)
    }

    /// Whether the launcher will refuse to run because this user is root and did not allow it.
    ///
    /// Open MPI asks root for two variables; the decision is the user's, so nothing here takes it.
    pub fn refuses_root(&self) -> bool {
        let allowed = |name| std::env::var(name).is_ok_and(|value| value == "1");
        self.is_open_mpi()
            && effective_user() == Some(0)
            && !(allowed(OMPI_ALLOW_RUN_AS_ROOT) && allowed(OMPI_ALLOW_RUN_AS_ROOT_CONFIRM))
    }

    /// Allows the launcher to run as root, which is the user's to decide.
    pub fn allow_root(&self, command: &mut Command) {
        if self.is_open_mpi() {
            command.env(OMPI_ALLOW_RUN_AS_ROOT, "1").env(OMPI_ALLOW_RUN_AS_ROOT_CONFIRM, "1");
        }
    }

    /// The launcher's arguments, up to where the program and its own arguments follow.
    pub fn arguments(&self, launch: &Launch) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = vec!["-n".into(), launch.ranks.to_string().into()];
        if self.is_open_mpi() {
            if launch.oversubscribes() {
                arguments.push("--oversubscribe".into());
            }
            // Names only: values would show in the process list. On this machine mpirun passes everything by itself.
            for name in launch.exported.iter().filter(|_| !launch.local) {
                arguments.extend(["-x".into(), name.into()]);
            }
        }
        // Hydra, Intel's and gforker pass the whole environment to all machines unless told otherwise.
        arguments.extend(launch.arguments.iter().cloned());
        arguments
    }

    /// What to change in the environment of the launcher, whose processes inherit it. `environment` holds what it would
    /// inherit.
    pub fn changes<'a>(
        &self,
        launch: &Launch,
        environment: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Vec<Change> {
        let mut changes = Vec::new();
        let mut yields = false;
        for (name, value) in environment {
            if describes_a_job(name) {
                changes.push(Change::Remove {
                    name: name.to_owned(),
                    reason: "it belongs to the job around this one",
                });
            } else if name == OPAL_PREFIX && Path::new(value) != self.prefix {
                changes.push(Change::Remove {
                    name: name.to_owned(),
                    reason: "it names the prefix of another Open MPI",
                });
            }
            yields |= name == OMPI_MCA_MPI_YIELD_WHEN_IDLE;
        }
        if self.is_open_mpi() && launch.oversubscribes() && !yields {
            changes.push(Change::Set {
                name: OMPI_MCA_MPI_YIELD_WHEN_IDLE.to_owned(),
                value: "1".to_owned(),
                reason: "ranks share cores, so one that waits must give its core away",
            });
        }
        if self.kind == LauncherKind::IntelHydra && self.prefix.join("lib").is_dir() {
            changes.push(Change::Set {
                name: I_MPI_ROOT.to_owned(),
                value: self.prefix.to_string_lossy().into_owned(),
                reason: "the prefix of this Intel MPI",
            });
        }
        changes
    }

    /// The command with its arguments and environment; the caller adds the program, its arguments and the descriptors.
    pub fn command(&self, launch: &Launch) -> Command {
        let mut command = Command::new(&self.path);
        command.args(self.arguments(launch));
        let environment: Vec<(String, String)> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        for change in
            self.changes(launch, environment.iter().map(|(name, value)| (name.as_str(), value.as_str())))
        {
            change.apply(&mut command);
        }
        command
    }
}

/// Effective user of this process: third number of the line `Uid:` in `/proc/self/status`.
fn effective_user() -> Option<u32> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("Uid:"))?.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn launcher(kind: LauncherKind) -> LauncherCommand {
        LauncherCommand::new("/opt/mpi/bin/mpirun".into(), kind, "1".into())
    }

    fn launch(ranks: u32, local: bool) -> Launch {
        Launch {
            ranks,
            exported: vec!["IPP_CLUSTER_ID".into()],
            arguments: vec!["--tag".into()],
            cores: 2,
            local,
        }
    }

    fn words(kind: LauncherKind, launch: &Launch) -> String {
        let arguments = launcher(kind).arguments(launch);
        arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn open_mpi_is_told_of_shared_cores() {
        assert_eq!(words(LauncherKind::OpenMpi4, &launch(2, true)), "-n 2 --tag");
        assert_eq!(words(LauncherKind::OpenMpi4, &launch(4, true)), "-n 4 --oversubscribe --tag");
        assert_eq!(words(LauncherKind::OpenMpi5, &launch(4, false)), "-n 4 -x IPP_CLUSTER_ID --tag");
        assert_eq!(words(LauncherKind::MpichHydra, &launch(4, true)), "-n 4 --tag");
        assert_eq!(words(LauncherKind::IntelHydra, &launch(4, false)), "-n 4 --tag");
    }

    #[test]
    fn the_job_around_is_hidden() {
        let around = [
            ("PMI_FD", "6"),
            ("PMIX_NAMESPACE", "x"),
            ("OMPI_COMM_WORLD_SIZE", "2"),
            ("OPAL_PREFIX", "/elsewhere"),
            ("OMPI_MCA_btl", "tcp,self"),
            ("PATH", "/bin"),
        ];
        let changes = launcher(LauncherKind::OpenMpi4).changes(&launch(1, true), around);
        let names: Vec<_> = changes.iter().map(Change::name).collect();
        assert_eq!(names, ["PMI_FD", "PMIX_NAMESPACE", "OMPI_COMM_WORLD_SIZE", "OPAL_PREFIX"]);
        assert!(changes.iter().all(|change| matches!(change, Change::Remove { .. })));
    }

    #[test]
    fn own_prefix_and_own_settings_stay() {
        let around = [("OPAL_PREFIX", "/opt/mpi"), ("OMPI_MCA_mpi_yield_when_idle", "0")];
        assert_eq!(launcher(LauncherKind::OpenMpi5).changes(&launch(4, true), around), []);
        let changes = launcher(LauncherKind::OpenMpi5).changes(&launch(4, true), []);
        assert_eq!(changes.iter().map(Change::name).collect::<Vec<_>>(), [OMPI_MCA_MPI_YIELD_WHEN_IDLE]);
        assert_eq!(launcher(LauncherKind::OpenMpi5).changes(&launch(2, true), []), []);
    }

    #[test]
    fn the_user_is_known() {
        assert!(effective_user().is_some());
    }
}
