//! Where a cluster's files are.

use std::path::{Path, PathBuf};

use crate::variables;

/// What the command line says about the profile; what it leaves out, the environment and the defaults decide.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProfileOptions {
    /// `--profile-dir`.
    pub profile_dir: Option<PathBuf>,
    /// `--profile`.
    pub profile: Option<String>,
    /// `--ipython-dir`.
    pub ipython_dir: Option<PathBuf>,
    /// `--cluster-id`.
    pub cluster_id: Option<String>,
}

/// Why a profile's place cannot be told or made.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// Neither an option nor the environment says where profiles are.
    #[error("the home directory is unknown ($HOME is not set); say --profile-dir=DIR or set IPYTHONDIR")]
    NoHome,
    /// A name that would leave the directory it belongs to.
    #[error("`{name}` cannot be a {what}: it must not be empty, be . or .., or contain a slash")]
    BadName {
        /// `profile name` or `cluster id`.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A directory cannot be made.
    #[error("cannot make the directory {}: {source}", path.display())]
    Create {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// A profile directory and the cluster in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    directory: PathBuf,
    cluster_id: String,
}

impl Profile {
    /// The profile that the options name, with the environment's help:
    /// `--profile-dir`, `$IPP_PROFILE_DIR`, else `profile_NAME` in `--ipython-dir`, `$IPYTHONDIR` or `~/.ipython`.
    pub fn locate(options: &ProfileOptions) -> Result<Profile, ProfileError> {
        Self::locate_with(options, variables::get)
    }

    /// As [`Profile::locate`], with a caller's environment.
    pub fn locate_with(
        options: &ProfileOptions,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Profile, ProfileError> {
        let cluster_id =
            options.cluster_id.clone().or_else(|| variable(variables::IPP_CLUSTER_ID)).unwrap_or_default();
        if !cluster_id.is_empty() {
            check_name("cluster id", &cluster_id)?;
        }
        let explicit = options.profile_dir.clone();
        if let Some(directory) = explicit.or_else(|| variable(variables::IPP_PROFILE_DIR).map(PathBuf::from))
        {
            return Ok(Profile { directory: expand(directory, &variable), cluster_id });
        }
        let base = options.ipython_dir.clone().or_else(|| variable(variables::IPYTHONDIR).map(PathBuf::from));
        let base = match base {
            Some(base) => expand(base, &variable),
            None => PathBuf::from(variable("HOME").ok_or(ProfileError::NoHome)?).join(".ipython"),
        };
        let name = options.profile.as_deref().unwrap_or("default");
        check_name("profile name", name)?;
        Ok(Profile { directory: base.join(format!("profile_{name}")), cluster_id })
    }

    /// The profile directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The cluster's id, empty for the default cluster.
    pub fn cluster_id(&self) -> &str {
        &self.cluster_id
    }

    /// The directory of the connection files; only its owner may enter it.
    pub fn security_dir(&self) -> PathBuf {
        self.directory.join("security")
    }

    /// The directory of log files and of the engines' state.
    pub fn log_dir(&self) -> PathBuf {
        self.directory.join("log")
    }

    /// The connection file for clients.
    pub fn client_file(&self) -> PathBuf {
        self.security_dir().join(self.file_name("client"))
    }

    /// The connection file for engines.
    pub fn engine_file(&self) -> PathBuf {
        self.security_dir().join(self.file_name("engine"))
    }

    /// The file in which `ipcluster` describes a running cluster.
    pub fn cluster_file(&self) -> PathBuf {
        self.security_dir().join(format!("cluster-{}.json", self.cluster_id))
    }

    /// The file in which the controller writes which engines it has.
    pub fn engines_file(&self) -> PathBuf {
        self.log_dir().join(format!("engines{}.json", self.cluster_id))
    }

    /// Make the profile's directories, the one for connection files with mode 0700.
    pub fn create(&self) -> Result<(), ProfileError> {
        for path in [self.security_dir(), self.log_dir()] {
            std::fs::create_dir_all(&path).map_err(|source| ProfileError::Create { path, source })?;
        }
        let path = self.security_dir();
        crate::connection::make_private(&path).map_err(|source| ProfileError::Create { path, source })
    }

    fn file_name(&self, role: &str) -> String {
        match self.cluster_id.as_str() {
            "" => format!("ipcontroller-{role}.json"),
            id => format!("ipcontroller-{id}-{role}.json"),
        }
    }
}

fn check_name(what: &'static str, name: &str) -> Result<(), ProfileError> {
    match name {
        "" | "." | ".." => Err(ProfileError::BadName { what, name: name.to_string() }),
        name if name.contains(['/', '\0']) => Err(ProfileError::BadName { what, name: name.to_string() }),
        _ => Ok(()),
    }
}

/// `~` and `~/...`, for values that no shell has seen.
fn expand(path: PathBuf, variable: &impl Fn(&str) -> Option<String>) -> PathBuf {
    match (path.strip_prefix("~"), variable("HOME")) {
        (Ok(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ => path,
    }
}
