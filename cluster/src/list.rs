//! `list` and `clean`: what runs, and what is left of what does not.

use crate::cluster_file::{ClusterFile, Part, files_in, written};
use crate::failure::Failure;
use crate::options::{CleanArguments, Format, ListArguments, ProfileArguments};
use crate::report::Report;
use anympi_wire::{Profile, ProfileOptions, remove_file};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Lists the clusters that run, and removes the files of those that do not.
///
/// # Errors
///
/// A profile that cannot be located.
pub fn list(arguments: &ListArguments, report: &mut Report) -> Result<(), Failure> {
    let mut clusters = Vec::new();
    for directory in profile_dirs(&arguments.profile)? {
        for path in files_in(&directory) {
            let mut file = match ClusterFile::read(&path) {
                Ok(file) => file,
                Err(error) => {
                    report.warning(&error.to_string());
                    continue;
                }
            };
            let time = written(&path);
            let parts = file.running(time);
            if parts.is_empty() {
                report.debug(&format!("removing {}: none of its processes runs", path.display()));
                remove(&path)?;
                continue;
            }
            file.drop_ended(time);
            let controller = parts.iter().any(|part| matches!(part, Part::Controller(_)));
            let foreign = parts.contains(&Part::Foreign);
            if !controller && !foreign {
                file.controller = None;
            }
            clusters.push((directory.clone(), path, file));
        }
    }
    let mut output = std::io::stdout().lock();
    let text = match arguments.format() {
        Format::Text => table(&clusters, &base_dir(&arguments.profile)?),
        Format::Json => {
            let files: Vec<_> = clusters.iter().map(|(_, _, file)| file).collect();
            serde_json::to_string(&files)
                .map_err(|error| Failure::System { doing: "cannot write", source: error.into() })?
                + "\n"
        }
    };
    // A reader that left early, such as `head`, has what it wants.
    let _ = output.write_all(text.as_bytes());
    Ok(())
}

fn table(clusters: &[(PathBuf, PathBuf, ClusterFile)], base: &Path) -> String {
    let row = |profile: &str, id: &str, running: &str, engines: &str, launcher: &str| {
        format!("{profile:16} {id:32} {running:7} {engines:>7} {launcher}")
    };
    let mut lines =
        vec![format!("{:16} {:32} {:7} {:7} LAUNCHER", "PROFILE", "CLUSTER ID", "RUNNING", "ENGINES")];
    for (directory, path, file) in clusters {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let id =
            name.strip_prefix("cluster-").and_then(|name| name.strip_suffix(".json")).unwrap_or_default();
        let id = if id.is_empty() { "''" } else { id };
        let running = if file.controller.is_some() { "True" } else { "False" };
        let launcher = match file.engines.class.as_str() {
            "local" => "Local",
            "mpi" => "MPI",
            other => other,
        };
        lines.push(row(
            &profile_name(directory, base),
            id,
            running,
            &file.engine_count().to_string(),
            launcher,
        ));
    }
    lines.join("\n") + "\n"
}

/// The profile's name if it lies where profiles do, else its directory.
fn profile_name(directory: &Path, base: &Path) -> String {
    let name = directory
        .strip_prefix(base)
        .ok()
        .and_then(Path::to_str)
        .and_then(|name| name.strip_prefix("profile_"));
    name.map_or_else(|| directory.display().to_string(), str::to_owned)
}

/// Removes cluster files, connection files and logs.
///
/// # Errors
///
/// [`Failure::StillRunning`] when a cluster runs and no force was asked for; nothing is removed then.
pub fn clean(arguments: &CleanArguments, report: &mut Report) -> Result<(), Failure> {
    let directories = match arguments.all {
        true => all_profile_dirs(&arguments.profile)?,
        false => vec![Profile::locate(&arguments.profile.options())?.directory().to_owned()],
    };
    if !arguments.force {
        for path in directories.iter().flat_map(|directory| files_in(directory)) {
            if ClusterFile::read(&path).is_ok_and(|file| !file.running(written(&path)).is_empty()) {
                return Err(Failure::StillRunning(path));
            }
        }
    }
    for directory in directories {
        report.info(&format!("cleaning {}", directory.display()));
        let connections = entries(&directory.join("security"), |name| {
            name.starts_with("ipcontroller-") && name.ends_with(".json")
        });
        let logs = entries(&directory.join("log"), |_| true);
        for path in files_in(&directory).into_iter().chain(connections).chain(logs) {
            report.debug(&format!("removing {}", path.display()));
            remove(&path)?;
        }
    }
    Ok(())
}

fn entries(directory: &Path, wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_ok_and(|kind| !kind.is_dir()))
        .filter(|entry| entry.file_name().to_str().is_some_and(&wanted))
        .map(|entry| entry.path())
        .collect()
}

fn remove(path: &Path) -> Result<(), Failure> {
    remove_file(path).map_err(|source| Failure::File {
        doing: "cannot remove",
        path: path.to_owned(),
        source,
    })
}

/// The profile that was named, or all of them when none was.
fn profile_dirs(arguments: &ProfileArguments) -> Result<Vec<PathBuf>, Failure> {
    if arguments.profile.is_some() || arguments.profile_dir.is_some() {
        return Ok(vec![Profile::locate(&arguments.options())?.directory().to_owned()]);
    }
    all_profile_dirs(arguments)
}

fn all_profile_dirs(arguments: &ProfileArguments) -> Result<Vec<PathBuf>, Failure> {
    let Ok(entries) = fs::read_dir(base_dir(arguments)?) else { return Ok(Vec::new()) };
    let mut directories: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("profile_"))
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    directories.sort();
    Ok(directories)
}

/// The directory that holds the profiles: where a profile of any name would be, whatever IPP_PROFILE_DIR says.
fn base_dir(arguments: &ProfileArguments) -> Result<PathBuf, Failure> {
    let options = ProfileOptions { ipython_dir: arguments.ipython_dir.clone(), ..ProfileOptions::default() };
    let without = |name: &str| match name {
        anympi_wire::variables::IPP_PROFILE_DIR => None,
        name => anympi_wire::variables::get(name),
    };
    let profile = Profile::locate_with(&options, without)?;
    Ok(profile.directory().parent().map(Path::to_owned).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_the_stock_columns() {
        let file: ClusterFile = serde_json::from_str(
            r#"{"cluster":{},"controller":{"class":"local","state":{}},"engines":{"class":"mpi","sets":{"1":{"n":4}}}}"#,
        )
        .unwrap();
        let clusters = [(
            PathBuf::from("/h/profile_work"),
            PathBuf::from("/h/profile_work/security/cluster-.json"),
            file,
        )];
        let text = table(&clusters, Path::new("/h"));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "PROFILE          CLUSTER ID                       RUNNING ENGINES LAUNCHER");
        assert_eq!(lines[1], "work             ''                               True          4 MPI");
        assert_eq!(profile_name(Path::new("/elsewhere"), Path::new("/h")), "/elsewhere");
    }
}
