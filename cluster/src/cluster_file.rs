//! `cluster-<id>.json`: what runs, in the stock program's format, so that either program lists and stops the other's clusters.

use crate::failure::Failure;
use crate::processes::{Entry, running_since};
use anympi_wire::Profile;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The file's contents. What this program does not know is kept as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClusterFile {
    /// How the cluster was asked for.
    pub cluster: Map<String, Value>,
    /// The controller; absent when it was not started by the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub controller: Option<Controller>,
    /// The engines.
    #[serde(default)]
    pub engines: Engines,
}

/// How the controller was started, and its process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Controller {
    /// The stock name of the way: `local`.
    pub class: String,
    /// Its process.
    pub state: Value,
}

/// How engines are started, and what was started.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Engines {
    /// The stock name of the way: `local` or `mpi`.
    pub class: String,
    /// Each start of some engines, by its id.
    #[serde(default)]
    pub sets: Map<String, Value>,
}

/// A process of a cluster that still runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The controller.
    Controller(Entry),
    /// An engine, or the launcher of several.
    Engines(Entry),
    /// Something that another program started in a way that only it can judge, such as a batch job.
    Foreign,
}

impl ClusterFile {
    /// The file of a cluster that is being started.
    pub fn new(cluster: &Cluster<'_>) -> Self {
        let cluster_part = json!({
            "cluster_id": cluster.profile.cluster_id(),
            "controller_args": cluster.controller_arguments,
            "controller_ip": cluster.ip,
            "controller_location": cluster.location,
            "delay": cluster.delay,
            "n": cluster.n,
            "profile_dir": cluster.profile.directory(),
            "class": "ipyparallel.cluster.cluster.Cluster",
        });
        let Value::Object(cluster_part) = cluster_part else { return Self::default_of(cluster.engine_class) };
        Self { cluster: cluster_part, ..Self::default_of(cluster.engine_class) }
    }

    fn default_of(class: &str) -> Self {
        let engines = Engines { class: class.to_owned(), sets: Map::new() };
        Self { cluster: Map::new(), controller: None, engines }
    }

    /// Enters the controller's process.
    pub fn set_controller(&mut self, profile: &Profile, pid: i32, log: &Path) {
        let state = process(profile, pid, log, None);
        self.controller = Some(Controller { class: "local".to_owned(), state });
    }

    /// Enters engines under one launcher.
    pub fn set_launched(&mut self, profile: &Profile, set: &str, n: u32, pid: i32, log: &Path) {
        self.engines.sets.insert(set.to_owned(), process(profile, pid, log, Some(n)));
    }

    /// Enters engines that run each for itself.
    pub fn set_local<'a>(
        &mut self,
        profile: &Profile,
        set: &str,
        engines: impl Iterator<Item = (i32, &'a Path)>,
    ) {
        let engines: Map<String, Value> = engines
            .enumerate()
            .map(|(index, (pid, log))| (index.to_string(), process(profile, pid, log, Some(1))))
            .collect();
        let state = json!({
            "cluster_id": profile.cluster_id(),
            "n": engines.len(),
            "pid": -1,
            "profile_dir": profile.directory(),
            "state": "running",
            "engines": engines,
        });
        self.engines.sets.insert(set.to_owned(), state);
    }

    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let fail = |doing, source| Failure::File { doing, path: path.to_owned(), source };
        let text = fs::read_to_string(path).map_err(|error| fail("cannot read", error))?;
        serde_json::from_str(&text).map_err(|error| fail("damaged cluster file", error.into()))
    }

    /// Writes the file in one step, readable by its owner alone.
    pub fn write(&self, path: &Path) -> Result<(), Failure> {
        let fail = |source| Failure::File { doing: "cannot write", path: path.to_owned(), source };
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}", std::process::id()));
        let temporary = path.with_file_name(name);
        let text = serde_json::to_vec(self).map_err(|error| fail(error.into()))?;
        let mut options = fs::OpenOptions::new();
        let mut file =
            options.write(true).create(true).truncate(true).mode(0o600).open(&temporary).map_err(fail)?;
        let written = file.write_all(&text).and_then(|()| fs::rename(&temporary, path));
        written.map_err(|error| {
            // The write failed already; whether the rest can be cleaned up changes nothing.
            let _ = fs::remove_file(&temporary);
            fail(error)
        })
    }

    /// What of the cluster still runs, given when the file was written.
    pub fn running(&self, written: SystemTime) -> Vec<Part> {
        let alive = |state: &Value| running_since(i32::try_from(state.get("pid")?.as_i64()?).ok()?, written);
        let mut parts = Vec::new();
        if let Some(controller) = &self.controller {
            match controller.class.as_str() {
                "local" | "mpi" => parts.extend(alive(&controller.state).map(Part::Controller)),
                _ => parts.push(Part::Foreign),
            }
        }
        for set in self.engines.sets.values() {
            match (self.engines.class.as_str(), set.get("engines").and_then(Value::as_object)) {
                (_, Some(engines)) => parts.extend(engines.values().filter_map(alive).map(Part::Engines)),
                ("local" | "mpi", None) => parts.extend(alive(set).map(Part::Engines)),
                _ => parts.push(Part::Foreign),
            }
        }
        parts
    }

    /// The set with what of it still runs, for a file written at that time; none when all of it ended.
    fn living_set(&self, set: &Value, written: SystemTime) -> Option<Value> {
        let alone = |state: &Value| {
            let sets = Map::from_iter([("one".to_owned(), state.clone())]);
            let engines = Engines { class: self.engines.class.clone(), sets };
            !Self { cluster: Map::new(), controller: None, engines }.running(written).is_empty()
        };
        alone(set).then(|| set.clone())
    }

    /// Drops the sets of which nothing runs.
    pub fn drop_ended(&mut self, written: SystemTime) {
        let sets = self.engines.sets.clone();
        self.engines.sets = sets
            .into_iter()
            .filter_map(|(name, set)| Some((name, self.living_set(&set, written)?)))
            .collect();
    }

    /// How many engines the file announces.
    pub fn engine_count(&self) -> u64 {
        self.engines.sets.values().filter_map(|set| set.get("n")?.as_u64()).sum()
    }

    /// The logs that the cluster's processes write.
    pub fn logs(&self) -> Vec<PathBuf> {
        let sets = self.engines.sets.values();
        let engines = self.engines.sets.values().filter_map(|set| set.get("engines")?.as_object());
        let states = sets.chain(engines.flat_map(|engines| engines.values()));
        let states = states.chain(self.controller.as_ref().map(|controller| &controller.state));
        states.filter_map(|state| Some(state.get("output_file")?.as_str()?.into())).collect()
    }
}

/// What a new file says of how the cluster was asked for.
pub struct Cluster<'a> {
    /// Where it belongs.
    pub profile: &'a Profile,
    /// Arguments for the controller.
    pub controller_arguments: &'a [String],
    /// `--ip`, or empty.
    pub ip: &'a str,
    /// `--location`, or empty.
    pub location: &'a str,
    /// Seconds between controller and engines.
    pub delay: f64,
    /// Number of engines.
    pub n: u32,
    /// `local` or `mpi`.
    pub engine_class: &'a str,
}

fn process(profile: &Profile, pid: i32, log: &Path, n: Option<u32>) -> Value {
    let mut state = Map::new();
    state.insert("cluster_id".to_owned(), profile.cluster_id().into());
    if let Some(n) = n {
        state.insert("n".to_owned(), n.into());
    }
    state.insert("output_file".to_owned(), log.to_string_lossy().into());
    state.insert("pid".to_owned(), pid.into());
    state.insert("profile_dir".to_owned(), profile.directory().to_string_lossy().into());
    state.insert("state".to_owned(), "running".into());
    Value::Object(state)
}

/// Cluster files of a profile directory, sorted.
pub fn files_in(profile_dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(profile_dir.join("security")) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            name.starts_with("cluster-") && name.ends_with(".json")
        })
        .collect();
    files.sort();
    files
}

/// When a file was last written.
pub fn written(path: &Path) -> SystemTime {
    fs::metadata(path).and_then(|metadata| metadata.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use anympi_wire::ProfileOptions;
    use std::os::unix::fs::PermissionsExt;

    fn profile(directory: &Path) -> Profile {
        let options = ProfileOptions {
            profile_dir: Some(directory.to_owned()),
            cluster_id: Some("a".into()),
            ..ProfileOptions::default()
        };
        Profile::locate_with(&options, |_| None).unwrap()
    }

    fn cluster<'a>(profile: &'a Profile, engine_class: &'a str) -> Cluster<'a> {
        Cluster { profile, controller_arguments: &[], ip: "", location: "", delay: 0.0, n: 2, engine_class }
    }

    #[test]
    fn the_format_is_the_stock_one() {
        let profile = profile(Path::new("/p"));
        let mut file = ClusterFile::new(&cluster(&profile, "mpi"));
        file.set_controller(&profile, 5, Path::new("/p/log/c.log"));
        file.set_launched(&profile, "1", 2, 6, Path::new("/p/log/e.log"));
        let expected = concat!(
            r#"{"cluster":{"cluster_id":"a","controller_args":[],"controller_ip":"","controller_location":"","#,
            r#""delay":0.0,"n":2,"profile_dir":"/p","class":"ipyparallel.cluster.cluster.Cluster"},"#,
            r#""controller":{"class":"local","state":{"cluster_id":"a","output_file":"/p/log/c.log","pid":5,"#,
            r#""profile_dir":"/p","state":"running"}},"#,
            r#""engines":{"class":"mpi","sets":{"1":{"cluster_id":"a","n":2,"output_file":"/p/log/e.log","pid":6,"#,
            r#""profile_dir":"/p","state":"running"}}}}"#,
        );
        assert_eq!(serde_json::to_string(&file).unwrap(), expected);
        assert_eq!(file.logs(), [PathBuf::from("/p/log/e.log"), "/p/log/c.log".into()]);
        assert_eq!(file.engine_count(), 2);
    }

    #[test]
    fn running_parts_are_found_and_dead_sets_dropped() {
        let profile = profile(Path::new("/p"));
        let this = i32::try_from(std::process::id()).unwrap();
        let mut file = ClusterFile::new(&cluster(&profile, "local"));
        let log = Path::new("/l");
        file.set_local(&profile, "alive", [(this, log), (i32::MAX, log)].into_iter());
        file.set_local(&profile, "dead", [(i32::MAX, log)].into_iter());
        let now = SystemTime::now();
        assert!(matches!(file.running(now)[..], [Part::Engines(entry)] if entry.pid == this));
        file.drop_ended(now);
        assert_eq!(file.engines.sets.keys().collect::<Vec<_>>(), ["alive"]);
        file.set_controller(&profile, i32::MAX, log);
        assert_eq!(file.running(now).len(), 1);
    }

    #[test]
    fn what_only_another_program_can_judge_counts_as_running() {
        let text = r#"{"cluster":{},"engines":{"class":"slurm","sets":{"1":{"job_id":"7","n":4}}}}"#;
        let file: ClusterFile = serde_json::from_str(text).unwrap();
        assert_eq!(file.running(SystemTime::now()), [Part::Foreign]);
        assert_eq!(file.engine_count(), 4);
    }

    #[test]
    fn written_in_one_step_for_the_owner_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("cluster-a.json");
        let profile = profile(directory.path());
        let file = ClusterFile::new(&cluster(&profile, "mpi"));
        file.write(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(ClusterFile::read(&path).unwrap(), file);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        fs::write(&path, "{").unwrap();
        assert!(ClusterFile::read(&path).unwrap_err().to_string().contains("damaged cluster file"));
    }
}
