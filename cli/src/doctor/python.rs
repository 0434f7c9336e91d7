//! The Python that `ipengine` would become, and the mpi4py in it. Python is asked without importing MPI.

use std::process::{Command, Stdio};

use anympi::{Candidate, Family};
use anympi_launch::interpreter::{InterpreterError, Places};
use serde::Deserialize;
use serde_json::json;

use super::Report;
use crate::output::collect;

/// What Python prints about itself.
const QUESTION: &str = include_str!("python.py");

/// Its answer.
#[derive(Debug, Deserialize)]
struct Answer {
    version: String,
    /// Versions of the packages that an engine needs; null where one is missing.
    ipykernel: Option<String>,
    mpi4py: Option<String>,
    /// What mpi4py's extension modules are made for: `mpich`, `openmpi`, or the libraries that one names.
    modules: Vec<String>,
}

/// Looks at the interpreter and its packages.
pub fn python(report: &mut Report, chosen: Option<&Candidate>) {
    report.heading("Python");
    let interpreter = match Places::of_this_process(None).find() {
        Ok(interpreter) => interpreter,
        Err(error @ InterpreterError::Named { .. }) => {
            report.problem(error.to_string());
            return;
        }
        Err(error @ InterpreterError::Nowhere) => {
            report.line(&format!("{error}; only ipengine needs one"));
            return;
        }
    };
    let path = interpreter.path.display().to_string();
    let mut command = Command::new(&interpreter.path);
    command.args(["-c", QUESTION]).stdin(Stdio::null());
    let answer =
        collect(&mut command).and_then(|(status, out, err)| match serde_json::from_str::<Answer>(&out) {
            Ok(answer) if status.success() => Ok(answer),
            _ => Err(format!("does not answer ({status}): {}", err.lines().last().unwrap_or_default())),
        });
    let answer = match answer {
        Ok(answer) => answer,
        Err(reason) => {
            report.problem(format!("{path} {reason}; name a working Python in ANYMPI_PYTHON"));
            return;
        }
    };
    report.line(&format!("{path}, {}, found by {}", answer.version, interpreter.found_by));
    let install = |package: &str| format!("`{path} -m pip install {package}`");
    if answer.ipykernel.is_none() {
        report.line(&format!("without ipyparallel: for engines, {}", install("ipyparallel")));
    }
    match (&answer.mpi4py, chosen) {
        (None, _) => report.line(&format!("without mpi4py: for MPI in Python, {}", install("mpi4py"))),
        (Some(version), chosen) => {
            report.line(&format!("mpi4py {version}, built for {}", answer.modules.join(", ")));
            if let Some(chosen) = chosen.filter(|chosen| !fits(&answer.modules, chosen.image.family)) {
                report.problem(format!(
                    "mpi4py in {path} is built for {}, and the library chosen speaks {}: {}, whose wheels serve MPICH and Open MPI, or choose another library with --mpi",
                    answer.modules.join(", "),
                    chosen.image.family,
                    install("--force-reinstall mpi4py")
                ));
            }
        }
    }
    report.json.insert(
        "python".to_owned(),
        json!({
            "path": interpreter.path, "version": answer.version, "found_by": interpreter.found_by,
            "ipykernel": answer.ipykernel, "mpi4py": answer.mpi4py, "mpi4py_modules": answer.modules,
        }),
    );
}

/// Whether one of the modules can bind to a library of that family. One for the standard ABI binds to every library,
/// through ours.
fn fits(modules: &[String], family: Family) -> bool {
    let any = |words: &[&str]| modules.iter().any(|module| words.iter().any(|word| module.contains(word)));
    let own = match family {
        Family::OpenMpi => any(&["openmpi", "libmpi.so.40"]),
        Family::Mpich => any(&["mpich", "libmpi.so.12", "libmpich.so.12"]),
        Family::Abi => false,
    };
    own || any(&["mpiabi", "libmpi_abi"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_fit_their_family_and_the_standard_ones_fit_all() {
        let of = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert!(fits(&of(&["mpich", "openmpi"]), Family::OpenMpi));
        assert!(!fits(&of(&["mpich"]), Family::OpenMpi));
        assert!(!fits(&of(&["libmpi.so.40"]), Family::Mpich));
        assert!(fits(&of(&["libmpi_abi.so.1"]), Family::Mpich));
        assert!(!fits(&of(&["mpich", "openmpi"]), Family::Abi));
    }
}
