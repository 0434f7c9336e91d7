//! `anympi list`: every library that is found, in the order in which `--mpi=auto` takes them, and what each can do.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anympi::{Candidate, FUNCTIONS, SearchPaths, Support, Tried};
use serde_json::{Map, Value, json};

use crate::describe::{Description, ask};
use crate::failure::Failure;
use crate::options::List;
use crate::output::print;
use crate::plugin::{self, Listed};

/// One library and what it says of itself, or why it cannot be used.
pub struct Library {
    /// The file.
    pub candidate: Candidate,
    /// The library's answer.
    pub answer: Result<Description, String>,
}

/// What there is.
pub struct Found {
    /// The libraries, best first.
    pub libraries: Vec<Library>,
    /// Files with a library's name that are none.
    pub rejected: Vec<Tried>,
}

/// Looks for libraries and asks each what it is.
pub fn find() -> Found {
    let probe = anympi::registry().probe(&SearchPaths::from_environment());
    let libraries = without_doubles(probe.candidates)
        .into_iter()
        .map(|candidate| Library { answer: ask(&candidate), candidate })
        .collect();
    // A directory without any library is no news.
    let rejected = probe.tried.into_iter().filter(|tried| !tried.path.is_dir()).collect();
    Found { libraries, rejected }
}

/// Wheels hold copies where others have links: `libmpi.so` beside the `libmpi.so.12` that it calls itself. One is enough.
fn without_doubles(candidates: Vec<Candidate>) -> Vec<Candidate> {
    let proper = |candidate: &Candidate| {
        candidate.image.soname.as_ref().map(|soname| candidate.image.path.with_file_name(soname))
    };
    let present: Vec<PathBuf> = candidates.iter().map(|candidate| candidate.image.path.clone()).collect();
    let double = |candidate: &Candidate| {
        proper(candidate).is_some_and(|path| path != candidate.image.path && present.contains(&path))
    };
    candidates.into_iter().filter(|candidate| !double(candidate)).collect()
}

/// Runs the subcommand.
pub fn list(arguments: &List) -> Result<ExitCode, Failure> {
    let found = find();
    let plugins = plugin::found();
    match (arguments.json, arguments.functions) {
        (true, _) => {
            let mut value = as_json(&found, arguments.functions);
            value["plugins"] = plugins.iter().map(plugin_as_json).collect();
            print(&format!("{value:#}\n"));
        }
        (false, false) => print(&format!("{}{}", as_text(&found), plugins_as_text(&plugins))),
        (false, true) => print(&format!("{}\n{}", as_text(&found), functions(&found.libraries))),
    }
    Ok(ExitCode::SUCCESS)
}

fn plugin_as_json(plugin: &Listed) -> Value {
    json!({
        "name": plugin.name,
        "path": plugin.path,
        "usable": plugin.says.is_ok(),
        "says": plugin.says.as_ref().map_or_else(ToString::to_string, Clone::clone),
    })
}

fn plugins_as_text(plugins: &[Listed]) -> String {
    let mut text = String::new();
    if !plugins.is_empty() {
        text.push_str("\nPlugins:\n");
    }
    for Listed { name, path, says } in plugins {
        let _ = match says {
            Ok(says) => writeln!(text, "  {name:14} {says} ({})", path.display()),
            Err(error) => writeln!(text, "  {name:14} cannot be used: {error}"),
        };
    }
    text
}

fn as_json(found: &Found, functions: bool) -> Value {
    let libraries: Vec<Value> =
        found.libraries.iter().map(|library| library_as_json(library, functions)).collect();
    let rejected: Vec<Value> =
        found.rejected.iter().map(|tried| json!({ "path": tried.path, "reason": tried.reason })).collect();
    json!({ "libraries": libraries, "rejected": rejected })
}

fn library_as_json(library: &Library, functions: bool) -> Value {
    let candidate = &library.candidate;
    let mut value = json!({
        "path": candidate.image.path,
        "mpi": candidate.selection(),
        "backend": candidate.backend,
        "family": candidate.image.family.to_string(),
        "vendor": candidate.image.vendor.to_string(),
        "soname": candidate.image.soname,
        "found_by": candidate.found_by,
        "usable": library.answer.is_ok(),
    });
    match &library.answer {
        Err(reason) => value["reason"] = json!(reason),
        Ok(description) => {
            value["version"] = json!(description.version);
            value["release"] = json!(description.release());
            value["standard"] = json!(description.standard());
            let totals: Map<String, Value> = Support::ALL
                .iter()
                .map(|support| (support.to_string(), json!(description.count(*support))))
                .collect();
            value["totals"] = totals.into();
            if functions {
                let each: Map<String, Value> = FUNCTIONS
                    .iter()
                    .zip(&description.functions)
                    .map(|(name, support)| ((*name).to_owned(), json!(support)))
                    .collect();
                value["functions"] = each.into();
            }
        }
    }
    value
}

fn as_text(found: &Found) -> String {
    let mut text = String::new();
    let row = |text: &mut String, cells: [&str; 6]| {
        let [number, name, standard, abi, reason, path] = cells;
        let _ = writeln!(text, "{number:>3}  {name:22} {standard:4}  {abi:16} {reason:26} {path}");
    };
    if !found.libraries.is_empty() {
        row(&mut text, ["", "LIBRARY", "MPI", "SPEAKS", "FOUND BY", "FILE"]);
    }
    for (index, Library { candidate, answer }) in found.libraries.iter().enumerate() {
        let (number, image) = ((index + 1).to_string(), &candidate.image);
        let (name, standard) = match answer {
            Ok(description) => {
                (format!("{} {}", image.vendor, description.release()), description.standard())
            }
            Err(_) => (image.vendor.to_string(), "-".to_owned()),
        };
        let (abi, path) = (image.family.to_string(), image.path.display().to_string());
        row(&mut text, [&number, name.trim(), &standard, &abi, &candidate.found_by, &path]);
        if let Err(reason) = answer {
            let _ = writeln!(text, "     cannot be used: it {reason}");
        }
    }
    if found.libraries.is_empty() {
        text.push_str("No MPI library was found. Install one, or name its prefix in MPI_HOME; `anympi doctor` says more.\n");
    }
    if !found.rejected.is_empty() {
        text.push_str("\nNot taken:\n");
    }
    for Tried { path, reason } in &found.rejected {
        let _ = writeln!(text, "  {} {reason}", path.display());
    }
    text
}

/// The matrix: a line per function, a column per library, the totals below.
fn functions(libraries: &[Library]) -> String {
    let usable: Vec<(usize, &Description)> = libraries
        .iter()
        .enumerate()
        .filter_map(|(index, library)| Some((index + 1, library.answer.as_ref().ok()?)))
        .collect();
    let mut text = format!("{:38}", "FUNCTION");
    let line = |text: &mut String, cells: &mut dyn Iterator<Item = String>| {
        cells.for_each(|cell| {
            let _ = write!(text, " {cell:11}");
        });
        let end = text.trim_end().len();
        text.truncate(end);
        text.push('\n');
    };
    line(&mut text, &mut usable.iter().map(|(number, _)| number.to_string()));
    for (slot, name) in FUNCTIONS.iter().enumerate() {
        let _ = write!(text, "{name:38}");
        line(
            &mut text,
            &mut usable
                .iter()
                .map(|(_, description)| description.functions.get(slot).cloned().unwrap_or_default()),
        );
    }
    for support in Support::ALL {
        let _ = write!(text, "{:38}", format!("{support} of {}", FUNCTIONS.len()));
        line(&mut text, &mut usable.iter().map(|(_, description)| description.count(support).to_string()));
    }
    text
}
