//! The user's own Python: which interpreter runs the engine.
//!
//! The engine's code must see the packages that the user installed, so the search follows what the user has active: an
//! explicit choice, then the virtual environment, then conda's, then the first python3 in PATH.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// The variable that names the interpreter (or a directory of one) when `--python` is not given.
pub const PYTHON_VARIABLE: &str = "ANYMPI_PYTHON";

/// An interpreter and why it was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interpreter {
    /// The executable. A link of a virtual environment is kept: Python finds the environment by it.
    pub path: PathBuf,
    /// Where it was found, such as "the active virtual environment (VIRTUAL_ENV)".
    pub found_by: &'static str,
}

/// No interpreter.
#[derive(Debug, Error)]
pub enum InterpreterError {
    /// One was named and is not there. Nothing else is tried: another Python is not what was asked for.
    #[error("{found_by} names the Python {}, but {reason}; give the path of a python3 executable or of its environment", path.display())]
    Named {
        /// What named it.
        found_by: &'static str,
        /// What it named.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// None was named and none was found.
    #[error(
        "no Python was found: VIRTUAL_ENV and CONDA_PREFIX are not set, and there is no python3 in PATH; name one with --python"
    )]
    Nowhere,
}

/// Where to look, in order: values of `--python`, of the variables and of PATH.
#[derive(Debug, Default)]
pub struct Places {
    /// `--python`
    pub option: Option<PathBuf>,
    /// `$ANYMPI_PYTHON`
    pub variable: Option<OsString>,
    /// `$VIRTUAL_ENV`
    pub virtual_env: Option<OsString>,
    /// `$CONDA_PREFIX`
    pub conda_prefix: Option<OsString>,
    /// `$PATH`
    pub path: Option<OsString>,
}

impl Places {
    /// The places of this process; `option` is the value of `--python`.
    pub fn of_this_process(option: Option<PathBuf>) -> Places {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        Places {
            option,
            variable: variable(PYTHON_VARIABLE),
            virtual_env: variable("VIRTUAL_ENV"),
            conda_prefix: variable("CONDA_PREFIX"),
            path: variable("PATH"),
        }
    }

    /// The first interpreter.
    pub fn find(&self) -> Result<Interpreter, InterpreterError> {
        let named = [
            (self.option.clone(), "--python"),
            (self.variable.as_ref().map(PathBuf::from), "ANYMPI_PYTHON"),
            (self.virtual_env.as_ref().map(PathBuf::from), "the active virtual environment (VIRTUAL_ENV)"),
            (self.conda_prefix.as_ref().map(PathBuf::from), "the active conda environment (CONDA_PREFIX)"),
        ];
        for (path, found_by) in named {
            if let Some(path) = path {
                return self.named(path, found_by);
            }
        }
        let found = self.in_path("python3").or_else(|| self.in_path("python"));
        let path = found.ok_or(InterpreterError::Nowhere)?;
        Ok(Interpreter { path, found_by: "PATH" })
    }

    fn named(&self, path: PathBuf, found_by: &'static str) -> Result<Interpreter, InterpreterError> {
        let refuse = |reason| Err(InterpreterError::Named { found_by, path: path.clone(), reason });
        if path.is_dir() {
            let inside = ["bin/python3", "bin/python"].map(|name| path.join(name));
            return match inside.into_iter().find(|candidate| is_executable(candidate)) {
                Some(path) => Ok(Interpreter { path, found_by }),
                None => refuse("that directory has no bin/python3"),
            };
        }
        if path.components().count() == 1 && !path.exists() {
            // A bare name such as python3.12.
            return match path.to_str().and_then(|name| self.in_path(name)) {
                Some(path) => Ok(Interpreter { path, found_by }),
                None => refuse("there is no such command in PATH"),
            };
        }
        match (path.exists(), is_executable(&path)) {
            (false, _) => refuse("there is no such file"),
            (true, false) => refuse("that file is not executable"),
            (true, true) => {
                let path = std::path::absolute(&path).unwrap_or(path);
                Ok(Interpreter { path, found_by })
            }
        }
    }

    fn in_path(&self, name: &str) -> Option<PathBuf> {
        let directories = self.path.as_ref()?;
        std::env::split_paths(directories)
            .map(|directory| directory.join(name))
            .find(|path| is_executable(path))
    }
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn program(directory: &Path, name: &str) -> PathBuf {
        let path = directory.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, "#!/bin/sh\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[test]
    fn the_order_is_option_variable_environments_path() {
        let root = tempfile::tempdir().unwrap();
        let [option, variable, venv, conda, path] =
            ["option", "variable", "venv", "conda", "path"].map(|name| root.path().join(name));
        let explicit = program(&option, "mypython");
        for directory in [&variable, &venv, &conda] {
            program(directory, "bin/python3");
        }
        let in_path = program(&path, "python3");
        let mut places = Places {
            option: Some(explicit.clone()),
            variable: Some(variable.clone().into()),
            virtual_env: Some(venv.clone().into()),
            conda_prefix: Some(conda.clone().into()),
            path: Some(path.into()),
        };
        assert_eq!(places.find().unwrap().path, explicit);
        places.option = None;
        assert_eq!(places.find().unwrap().path, variable.join("bin/python3"));
        places.variable = None;
        assert_eq!(places.find().unwrap().path, venv.join("bin/python3"));
        places.virtual_env = None;
        assert_eq!(places.find().unwrap().path, conda.join("bin/python3"));
        places.conda_prefix = None;
        assert_eq!(places.find().unwrap().path, in_path);
        places.path = None;
        assert!(matches!(places.find(), Err(InterpreterError::Nowhere)));
    }

    #[test]
    fn a_named_python_that_is_not_there_is_not_replaced_by_another() {
        let root = tempfile::tempdir().unwrap();
        let good = program(root.path(), "python3");
        std::fs::write(root.path().join("text"), "").unwrap();
        for (name, reason) in [
            ("missing/python", "no such file"),
            ("text", "not executable"),
            (".", "no bin/python3"),
            ("nope", "PATH"),
        ] {
            let option = if name == "nope" { PathBuf::from(name) } else { root.path().join(name) };
            let places =
                Places { option: Some(option), path: good.parent().map(Into::into), ..Places::default() };
            let sentence = places.find().unwrap_err().to_string();
            assert!(sentence.contains(reason) && sentence.contains("--python"), "{sentence}");
        }
    }
}
