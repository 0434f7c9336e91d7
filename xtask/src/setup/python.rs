//! Finding a Python that can make the virtual environment.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::environment;
use crate::failure::{Failure, Outcome};

/// The oldest minor version of Python 3 that will do.
const OLDEST: u32 = 11;

/// Asked of each candidate: its version, and whether it can make an environment that has pip.
const QUESTION: &str = "import sys, venv, ensurepip; print('%d.%d.%d' % sys.version_info[:3])";

/// A Python with venv and pip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Python {
    /// How to start it.
    pub program: PathBuf,
    /// Its version, as `3.11.2`.
    pub version: String,
}

/// The first suitable Python: the one named by the environment, else `python3`, else a `python3.x` on PATH.
pub fn find() -> Outcome<Python> {
    let named = env::var_os(environment::PYTHON).filter(|value| !value.is_empty()).map(PathBuf::from);
    let candidates = match named {
        Some(program) => vec![program],
        None => {
            let numbered = (OLDEST..=OLDEST + 5).map(|minor| PathBuf::from(format!("python3.{minor}")));
            std::iter::once(PathBuf::from("python3")).chain(numbered).collect()
        }
    };
    choose(&candidates)
}

fn choose(candidates: &[PathBuf]) -> Outcome<Python> {
    let mut reasons = Vec::new();
    for program in candidates {
        match ask(program) {
            Ok(Some(python)) => return Ok(python),
            Ok(None) => {}
            Err(reason) => reasons.push(format!("{} {reason}", program.display())),
        }
    }
    let seen = if reasons.is_empty() { "none is on PATH".to_string() } else { reasons.join(", ") };
    Err(Failure::new(format!(
        "set-up needs Python 3.{OLDEST} or newer with venv and pip ({seen}); on Debian and Ubuntu: sudo apt-get install \
         python3 python3-venv"
    )))
}

/// A suitable Python, nothing when there is no such program, or why it is not suitable.
fn ask(program: &PathBuf) -> Result<Option<Python>, String> {
    let answer = Command::new(program).args(["-c", QUESTION]).stdin(Stdio::null()).output();
    let Ok(output) = answer else { return Ok(None) };
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        // Version managers put programs on PATH that only say that they are not installed.
        if text.contains("ModuleNotFoundError") {
            return Err("lacks venv or ensurepip".into());
        }
        return Ok(None);
    }
    let version = String::from_utf8_lossy(&output.stdout).trim().to_string();
    let numbers: Vec<u32> = version.split('.').map_while(|number| number.parse().ok()).collect();
    if numbers.len() == 3 && numbers[0] == 3 && numbers[1] >= OLDEST {
        Ok(Some(Python { program: program.clone(), version }))
    } else {
        Err(format!("is {version}"))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use super::*;

    fn pretend(directory: &Path, name: &str, script: &str) -> PathBuf {
        let path = directory.join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[test]
    fn an_old_python_is_passed_over_and_named_when_there_is_no_other() {
        let directory = tempfile::tempdir().unwrap();
        let old = pretend(directory.path(), "old", "echo 3.9.2");
        let new = pretend(directory.path(), "new", "echo 3.12.1");
        assert_eq!(choose(&[old.clone(), new]).unwrap().version, "3.12.1");
        let error = choose(&[old]).unwrap_err().to_string();
        assert!(error.contains("is 3.9.2") && error.contains("python3-venv"), "{error}");
    }

    #[test]
    fn a_python_without_venv_is_refused_with_the_reason() {
        let directory = tempfile::tempdir().unwrap();
        let bare = pretend(
            directory.path(),
            "bare",
            "echo \"ModuleNotFoundError: No module named 'ensurepip'\" >&2; exit 1",
        );
        let error = choose(&[bare]).unwrap_err().to_string();
        assert!(error.contains("lacks venv or ensurepip"), "{error}");
    }

    #[test]
    fn no_python_at_all_is_one_sentence() {
        let error = choose(&["/no/such/python".into()]).unwrap_err().to_string();
        assert!(error.contains("none is on PATH") && !error.contains('\n'), "{error}");
    }
}
