//! What the user asked for: the value of `--mpi`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// The value of `--mpi`.
///
/// Parsing never looks at the machine; whether a name is known is for the [`crate::Registry`] to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// `none`: no MPI at all.
    None,
    /// `auto`: the family whose launcher started this process, else the first library found.
    Auto,
    /// `mpi4py`: as `auto`, and the engine imports mpi4py into the user's namespace.
    Mpi4py,
    /// The name of a backend or of a vendor: the first library that it finds.
    Named(String),
    /// A library file, opened by the backend of its family or by the one named.
    Path {
        /// The backend's name, if one was given before a colon.
        backend: Option<String>,
        /// The file.
        path: PathBuf,
    },
}

/// A value of `--mpi` that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseSelectionError {
    /// Nothing was given.
    #[error("--mpi= is empty; say `--mpi` alone for the automatic choice, or `--mpi=none` for no MPI")]
    Empty,
    /// `NAME:` without a file.
    #[error("--mpi={0} names no file after the colon")]
    NoPath(String),
}

impl FromStr for Selection {
    type Err = ParseSelectionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "" => Err(ParseSelectionError::Empty),
            "none" => Ok(Self::None),
            "auto" => Ok(Self::Auto),
            "mpi4py" => Ok(Self::Mpi4py),
            _ => match text.split_once(':') {
                Some((name, _)) if name.contains('/') => Ok(Self::Path { backend: None, path: text.into() }),
                Some((_, "")) => Err(ParseSelectionError::NoPath(text.to_owned())),
                Some((name, path)) => Ok(Self::Path { backend: Some(name.to_owned()), path: path.into() }),
                None if text.contains('/') => Ok(Self::Path { backend: None, path: text.into() }),
                None => Ok(Self::Named(text.to_owned())),
            },
        }
    }
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Auto => f.write_str("auto"),
            Self::Mpi4py => f.write_str("mpi4py"),
            Self::Named(name) => f.write_str(name),
            Self::Path { backend: None, path } => write!(f, "{}", path.display()),
            Self::Path { backend: Some(name), path } => write!(f, "{name}:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_and_written_back() {
        for text in
            ["none", "auto", "mpi4py", "openmpi", "/opt/lib/libmpi.so", "mpich:/opt/libmpi.so.12", "./a:b.so"]
        {
            assert_eq!(text.parse::<Selection>().unwrap().to_string(), text);
        }
        let path = |text: &str| matches!(text.parse(), Ok(Selection::Path { backend: None, .. }));
        assert!(path("./a:b.so") && path("libs/libmpi.so"));
    }

    #[test]
    fn empty_values_are_refused() {
        assert_eq!("".parse::<Selection>(), Err(ParseSelectionError::Empty));
        assert!(matches!("openmpi:".parse::<Selection>(), Err(ParseSelectionError::NoPath(_))));
    }
}
