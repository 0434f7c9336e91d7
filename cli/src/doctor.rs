//! `anympi doctor`: what would be chosen here and why, which launcher starts what, which Python and mpi4py an engine would
//! have; and each problem as a sentence that says what to do.

mod python;

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anympi::{Candidate, SearchPaths};
use anympi_launch::{Launcher, LauncherCommand, identify, launcher_of};
use serde_json::{Value, json};

use crate::choice::Choice;
use crate::failure::Failure;
use crate::kit::Kit;
use crate::list::{Library, find};
use crate::options::Doctor;
use crate::output::print;

/// What was found out, for a reader and for a script.
#[derive(Default)]
struct Report {
    text: String,
    json: serde_json::Map<String, Value>,
    problems: Vec<String>,
}

impl Report {
    fn heading(&mut self, text: &str) {
        let gap = if self.text.is_empty() { "" } else { "\n" };
        let _ = writeln!(self.text, "{gap}{text}");
    }

    fn line(&mut self, text: &str) {
        let _ = writeln!(self.text, "  {text}");
    }

    fn problem(&mut self, text: impl Into<String>) {
        self.problems.push(text.into());
    }
}

/// Runs the subcommand. The exit code is 1 if there are problems.
pub fn doctor(arguments: &Doctor) -> Result<ExitCode, Failure> {
    let choice = Choice::of(arguments.mpi.as_deref())?;
    let mut report = Report::default();
    let libraries = find().libraries;
    let chosen = library(&mut report, &choice, &libraries);
    launchers(&mut report, &libraries, chosen.as_ref());
    kit(&mut report);
    python::python(&mut report, chosen.as_ref());
    if arguments.json {
        report.json.insert("problems".to_owned(), json!(report.problems));
        print(&format!("{:#}\n", Value::from(report.json)));
    } else {
        report.heading(if report.problems.is_empty() { "No problem found" } else { "Problems" });
        for problem in std::mem::take(&mut report.problems) {
            report.line(&format!("- {problem}"));
            report.problems.push(problem);
        }
        print(&report.text);
    }
    Ok(if report.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The libraries, and which of them is chosen.
fn library(report: &mut Report, choice: &Choice, libraries: &[Library]) -> Option<Candidate> {
    report.heading("MPI library");
    report.line(&format!("{} found; `anympi list` names them", libraries.len()));
    for Library { candidate, answer } in libraries {
        if let Err(reason) = answer {
            report.problem(format!(
                "{} cannot be used, it {reason}: repair or remove it",
                candidate.image.path.display()
            ));
        }
    }
    let job = Launcher::detect();
    let mut search = SearchPaths::from_environment();
    if let Some(launcher) = &job {
        report.line(&format!("this process was started by {launcher}"));
        if let Some(prefix) = &launcher.prefix {
            search = search.prefer(prefix, "launcher");
        }
    }
    let vendor = job.as_ref().and_then(Launcher::vendor);
    let chosen = match anympi::registry().choose(&choice.selection, &search, vendor) {
        Ok(chosen) => chosen,
        Err(error) => {
            report.problem(format!(
                "{} gives no library: {error}; install an MPI (`pip install mpich` into a virtual environment is enough), or name its prefix in MPI_HOME",
                choice.said_by
            ));
            None
        }
    };
    match &chosen {
        Some(candidate) => {
            let path = &candidate.image.path;
            let answer = libraries.iter().find(|library| library.candidate.image.path == *path);
            let name = match answer.map(|library| &library.answer) {
                Some(Ok(description)) => description.summary.clone(),
                _ => path.display().to_string(),
            };
            report.line(&format!("{} chooses {name}, found by {}", choice.said_by, candidate.found_by));
        }
        None => report.line(&format!("{} chooses no library", choice.said_by)),
    }
    report.json.insert("asked".to_owned(), json!(choice.selection.to_string()));
    report.json.insert("libraries".to_owned(), json!(libraries.len()));
    report.json.insert("chosen".to_owned(), json!(chosen.as_ref().map(Candidate::selection)));
    report.json.insert("started_by".to_owned(), json!(job.map(|launcher| launcher.to_string())));
    chosen
}

/// Which launcher belongs to which library, and which one the user would get by its name.
fn launchers(report: &mut Report, libraries: &[Library], chosen: Option<&Candidate>) {
    report.heading("Launchers");
    let mut known: Vec<Value> = Vec::new();
    for Library { candidate, .. } in libraries {
        let path = candidate.image.path.display();
        let found = launcher_of(&candidate.image);
        match &found {
            Ok(launcher) => report.line(&format!("{path}: {}", shown(launcher))),
            Err(error) => {
                report.line(&format!("{path}: none"));
                report.problem(format!("{error}; install the launcher of that library"));
            }
        }
        known.push(json!({
            "library": candidate.image.path,
            "launcher": found.as_ref().ok().map(|launcher| &launcher.path),
        }));
        let is_chosen = chosen.is_some_and(|chosen| chosen.image.path == candidate.image.path);
        if let (true, Ok(launcher)) = (is_chosen, &found)
            && launcher.refuses_root()
        {
            report.problem(format!(
                "{} refuses to run as root: run as another user, or allow it with --allow-run-as-root",
                launcher.path.display()
            ));
        }
    }
    report.json.insert("launchers".to_owned(), json!(known));
    for name in ["mpirun", "mpiexec"] {
        let Some(path) = in_path(name) else { continue };
        let launcher = match identify(&path) {
            Ok(launcher) => launcher,
            Err(reason) => {
                report.line(&format!("`{name}` is {}, which {reason}", path.display()));
                continue;
            }
        };
        report.line(&format!("`{name}` is {}", shown(&launcher)));
        if let Some(chosen) = chosen.filter(|chosen| launcher.kind.serves(&chosen.image) == Some(false)) {
            report.problem(format!(
                "`{name}` is {}, which starts no common world on {}: use `anympi run`, or the launcher named above, or choose that MPI with --mpi",
                shown(&launcher),
                chosen.image.path.display()
            ));
        }
    }
}

fn shown(launcher: &LauncherCommand) -> String {
    format!("{} ({} {})", launcher.path.display(), launcher.kind, launcher.version)
}

/// The program of that name which a shell would run.
fn in_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join(name)).find(|path| path.is_file())
}

/// What programs are compiled with.
fn kit(report: &mut Report) {
    report.heading("Building programs");
    let kit = Kit::find();
    match &kit {
        Ok(kit) => report.line(&format!("mpicc, mpi.h and libmpi_abi.so.1 are in {}", kit.prefix.display())),
        Err(error) => report.problem(error.to_string()),
    }
    if in_path("cc").is_none() {
        report.line("there is no C compiler `cc` in PATH; `anympi cc` needs one, running programs does not");
    }
    let prefix: Option<&Path> = kit.as_ref().ok().map(|kit| kit.prefix.as_path());
    report.json.insert("kit".to_owned(), json!(prefix));
}
