//! The life of a cluster with a stand-in controller and engines that are shell scripts: every way to start, to fail and to
//! end, and that nothing is left afterwards.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use anympi_cluster::processes::running;
use anympi_testkit::installation::Installation;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// An engine that registers, notes its number, and lives until it is asked to end.
const GOOD_ENGINE: &str = r#"mkdir -p "$IPP_PROFILE_DIR/engines"
echo $$ >> "$IPP_PROFILE_DIR/pids"
[ -n "$IPP_CONNECTION_INFO" ] && touch "$IPP_PROFILE_DIR/engines/$$"
exec sleep 1000"#;

/// How long anything may take to come about. No test waits so long unless it fails; a busy build server is slow.
const PATIENCE: Duration = Duration::from_secs(90);

fn until(what: impl Fn() -> String, done: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < end, "waited in vain: {}", what());
        std::thread::sleep(Duration::from_millis(10));
    }
}

struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    fn new(controller: &str, engine: &str) -> Self {
        let place = Self { directory: tempfile::tempdir().unwrap() };
        place.script("controller", controller);
        place.script("engine", engine);
        place
    }

    /// With the stand-in controller.
    fn with_engine(engine: &str) -> Self {
        let tests = std::env::current_exe().unwrap();
        let stand_in = tests.ancestors().nth(2).unwrap().join("examples/stand_in");
        assert!(
            stand_in.is_file(),
            "{} is missing: cargo build -p anympi-cluster --examples",
            stand_in.display()
        );
        Self::new(&format!("echo $$ >> \"$IPP_PROFILE_DIR/pids\"\nexec {}", stand_in.display()), engine)
    }

    fn script(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn profile(&self) -> PathBuf {
        self.path("ipython/profile_default")
    }

    fn cluster_file(&self) -> PathBuf {
        self.profile().join("security/cluster-.json")
    }

    fn command(&self, words: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ipcluster"));
        command.args(words.split_whitespace()).stdin(Stdio::null());
        command.env("IPYTHONDIR", self.path("ipython")).env("HOME", self.directory.path());
        command.env_remove("IPP_PROFILE_DIR").env_remove("IPP_CLUSTER_ID");
        command
            .env("ANYMPI_IPCONTROLLER", self.path("controller"))
            .env("ANYMPI_IPENGINE", self.path("engine"));
        command
    }

    fn run(&self, words: &str) -> (Option<i32>, String) {
        finish(self.command(words).output().unwrap())
    }

    fn start(&self, words: &str) -> Started {
        let log = self.path("log");
        let file = fs::File::create(&log).unwrap();
        let mut command = self.command(words);
        let child = command.stdout(file.try_clone().unwrap()).stderr(file).spawn().unwrap();
        Started { child, log }
    }

    /// Numbers of the controller and the engines that were started.
    fn pids(&self) -> Vec<i32> {
        let text = fs::read_to_string(self.profile().join("pids")).unwrap_or_default();
        text.lines().filter_map(|line| line.parse().ok()).collect()
    }

    fn wait_for_pids(&self, count: usize) {
        until(|| format!("{count} processes, there are {:?}", self.pids()), || self.pids().len() >= count);
    }

    /// Start a cluster and wait until it says that all engines are there.
    fn up(&self, words: &str, engines: usize) -> Started {
        let started = self.start(words);
        started.says(&format!("{engines} engine{} ready (", if engines == 1 { "" } else { "s" }));
        started
    }

    /// No process, no cluster file, no connection file.
    fn assert_nothing_left(&self, what: &str) {
        for pid in self.pids() {
            assert!(!alive(pid), "{pid} is left: {what}");
        }
        let left: Vec<_> = fs::read_dir(self.profile().join("security")).into_iter().flatten().collect();
        assert!(left.is_empty(), "{left:?} left: {what}");
    }
}

/// An `ipcluster` that runs, and all that it says.
struct Started {
    child: Child,
    log: PathBuf,
}

impl Started {
    fn text(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    fn says(&self, words: &str) {
        until(|| format!("`{words}` in: {}", self.text()), || self.text().contains(words));
    }

    fn signal(&self, number: Signal) {
        signal(self::number(&self.child), number);
    }

    /// Wait for the end of it; its exit code and all that it said.
    fn finish(mut self) -> (Option<i32>, String) {
        let code = self.child.wait().unwrap().code();
        (code, self.text())
    }

    fn end(self, with: Signal) -> (Option<i32>, String) {
        self.signal(with);
        self.finish()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for pid in self.pids() {
            signal(pid, Signal::KILL);
        }
    }
}

fn alive(pid: i32) -> bool {
    running(pid).is_some()
}

fn signal(pid: i32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid) {
        let _ = kill_process(pid, signal);
    }
}

fn finish(output: Output) -> (Option<i32>, String) {
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code(), text)
}

fn number(child: &Child) -> i32 {
    i32::try_from(child.id()).unwrap()
}

#[test]
fn one_interrupt_ends_everything() {
    for with in [Signal::INT, Signal::TERM] {
        let place = Place::with_engine(GOOD_ENGINE);
        let cluster = place.up("local -n 3", 3);
        let mode = fs::metadata(place.cluster_file()).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
        let (code, text) = cluster.end(with);
        assert_eq!(code, Some(0), "{text}");
        assert!(
            text.contains("3 of 3 engines have registered") && text.contains("3 engines ready"),
            "{text}"
        );
        place.assert_nothing_left(&text);
    }
}

#[test]
fn interrupts_before_the_cluster_is_up() {
    // While the controller is not ready, and while engines do not register.
    let silent = Place::new("echo $$ >> \"$IPP_PROFILE_DIR/pids\"; exec sleep 1000", GOOD_ENGINE);
    let cluster = silent.start("local -n 1");
    silent.wait_for_pids(1);
    let (code, text) = cluster.end(Signal::INT);
    assert_eq!(code, Some(130), "{text}");
    silent.assert_nothing_left(&text);
    let mute = Place::with_engine("echo $$ >> \"$IPP_PROFILE_DIR/pids\"; exec sleep 1000");
    let cluster = mute.start("start -n 2");
    mute.wait_for_pids(3);
    let (code, text) = cluster.end(Signal::INT);
    assert_eq!(code, Some(130), "{text}");
    mute.assert_nothing_left(&text);
}

#[test]
fn a_second_interrupt_does_not_wait() {
    let stubborn = format!(
        "trap '' TERM INT\n{}",
        GOOD_ENGINE.replace("exec sleep 1000", "while :; do sleep 0.2; done")
    );
    let place = Place::with_engine(&stubborn);
    let cluster = place.up("local -n 2", 2);
    cluster.signal(Signal::INT);
    cluster.says("stopping");
    let (_, text) = cluster.end(Signal::INT);
    assert!(text.contains("killing"), "{text}");
    place.assert_nothing_left(&text);
}

#[test]
fn orphans_are_ended_as_well() {
    let parent =
        "setsid sh -c 'echo $$ >> \"$IPP_PROFILE_DIR/pids\"; exec sleep 1000' &\n".to_owned() + GOOD_ENGINE;
    let place = Place::with_engine(&parent);
    let cluster = place.up("local -n 1", 1);
    place.wait_for_pids(3);
    let (code, text) = cluster.end(Signal::INT);
    assert_eq!(code, Some(0), "{text}");
    place.assert_nothing_left(&text);
}

#[test]
fn a_controller_that_dies_is_reported_with_its_words() {
    let place = Place::new("echo no port is free; exit 7", GOOD_ENGINE);
    let (code, text) = place.run("local -n 2");
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("the controller exited with status 7 before it was ready"), "{text}");
    assert!(text.contains("    no port is free"), "{text}");
    place.assert_nothing_left(&text);
}

#[test]
fn a_controller_that_dies_later_ends_the_cluster() {
    let place = Place::with_engine(GOOD_ENGINE);
    let cluster = place.up("local -n 2", 2);
    signal(place.pids()[0], Signal::KILL);
    let (code, text) = cluster.finish();
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("the controller was ended by signal 9, so the cluster is being stopped"), "{text}");
    place.assert_nothing_left(&text);
}

#[test]
fn engines_that_die_early_are_reported_with_their_words() {
    let place = Place::with_engine("echo no such module; exit 3");
    let (code, text) = place.run("local -n 2");
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("exited with status 3 before all engines had registered (0 of 2 had)"), "{text}");
    assert!(text.contains("    no such module"), "{text}");
    place.assert_nothing_left(&text);
}

#[test]
fn the_background_reports_before_the_foreground_leaves() {
    let place = Place::with_engine(GOOD_ENGINE);
    let (code, text) = place.run("start -n 2 --daemonize");
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("2 engines ready") && text.contains("leaving the cluster running"), "{text}");
    assert!(place.pids().iter().all(|pid| alive(*pid)));
    let (code, text) = place.run("start -n 1");
    assert_eq!(code, Some(10), "{text}");
    let (code, text) = place.run("list");
    assert_eq!(code, Some(0));
    assert!(
        text.contains("default          ''                               True          2 Local"),
        "{text}"
    );
    let (_, json) = place.run("list -o json");
    let listed: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(listed[0]["engines"]["class"], "local");
    let (code, text) = place.run("clean");
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("still running"), "{text}");
    let (code, text) = place.run("stop");
    assert_eq!(code, Some(0), "{text}");
    place.assert_nothing_left(&text);
    let (code, text) = place.run("stop");
    assert_eq!(code, Some(11), "{text}");
}

#[test]
fn the_background_reports_failures() {
    let place = Place::with_engine("echo broken; exit 4");
    let (code, text) = place.run("start -n 1 --daemonize");
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("exited with status 4") && text.contains("    broken"), "{text}");
    place.assert_nothing_left(&text);
}

#[test]
fn more_engines_join_and_leave_alone() {
    let place = Place::with_engine(GOOD_ENGINE);
    let (code, text) = place.run("engines -n 1");
    assert_eq!(code, Some(12), "{text}");
    assert_eq!(place.run("start -n 1 --daemonize").0, Some(0));
    let (code, text) = place.run("engines -n 2 --daemonize");
    assert_eq!(code, Some(0), "{text}");
    let (_, text) = place.run("list");
    assert!(text.contains("True          3 Local"), "{text}");
    let (code, text) = place.run("stop --all");
    assert_eq!(code, Some(0), "{text}");
    place.assert_nothing_left(&text);
}

fn write_cluster_file(path: &Path, pid: i32) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let text = format!(
        r#"{{"cluster":{{}},"controller":{{"class":"local","state":{{"pid":{pid}}}}},"engines":{{"class":"local","sets":{{}}}}}}"#
    );
    fs::write(path, text).unwrap();
}

#[test]
fn stale_files_are_recognised_and_removed() {
    let place = Place::with_engine(GOOD_ENGINE);
    let file = place.cluster_file();
    // A number that nobody has, and one that somebody took after the file was written.
    let mut young = Command::new("sleep").arg("100").spawn().unwrap();
    for pid in [i32::MAX, number(&young)] {
        for (words, expected) in [("list", Some(0)), ("stop", Some(11)), ("clean", Some(0))] {
            write_cluster_file(&file, pid);
            let long_ago = std::time::SystemTime::now() - Duration::from_secs(3600);
            fs::File::options().write(true).open(&file).unwrap().set_modified(long_ago).unwrap();
            let (code, text) = place.run(words);
            assert_eq!(code, expected, "{words}: {text}");
            assert!(!file.exists(), "{words}: {text}");
        }
    }
    write_cluster_file(&file, i32::MAX);
    assert_eq!(place.run("start -n 1 --daemonize").0, Some(0));
    assert_eq!(place.run("stop").0, Some(0));
    assert!(alive(number(&young)));
    young.kill().unwrap();
    young.wait().unwrap();
}

/// As the stock program would: it knows only the numbers in the file.
#[test]
fn a_cluster_whose_supervisor_was_killed_can_be_stopped() {
    let place = Place::with_engine(GOOD_ENGINE);
    place.up("local -n 2", 2).end(Signal::KILL);
    assert!(place.pids().iter().all(|pid| alive(*pid)));
    let (code, text) = place.run("stop");
    assert_eq!(code, Some(0), "{text}");
    place.assert_nothing_left(&text);
}

#[test]
fn bad_wishes_get_one_sentence_and_start_nothing() {
    let place = Place::with_engine(GOOD_ENGINE);
    let empty = place.path("libmpi.so.12");
    fs::write(&empty, "").unwrap();
    let no_library = format!("mpirun -n 2 --mpi={}", empty.display());
    for (words, expected) in [
        ("mpirun -n 2 --mpi=nonsense", "openmpi"),
        ("mpirun -n 2 --mpi=none", "ipcluster local"),
        ("mpirun -n 2 --mpi=/no/such/lib.so", "/no/such/lib.so"),
        (no_library.as_str(), "libmpi.so.12"),
        ("start --profile=../x", "profile name"),
        ("stop --signal=0", "is no signal"),
    ] {
        let (code, text) = place.run(words);
        assert!(code.is_some_and(|code| code != 0), "{words}: {text}");
        assert!(text.contains(expected), "{words}: {text}");
        assert!(!text.contains("panicked"), "{words}: {text}");
        place.assert_nothing_left(words);
    }
    assert_eq!(place.pids(), [0; 0]);
    let (code, text) = place.run("list --No.such=1");
    assert_eq!(code, Some(0));
    assert!(text.contains("warning: --No.such=1"), "{text}");
    let mut alone = place.command("local -n 1");
    alone.env_remove("ANYMPI_IPENGINE").env("ANYMPI_IPCONTROLLER", "'open");
    let (code, text) = finish(alone.output().unwrap());
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("ANYMPI_IPCONTROLLER is no command"), "{text}");
}

#[test]
fn signals_for_engines_reach_them() {
    let place = Place::with_engine(&format!(
        "trap 'touch \"$IPP_PROFILE_DIR/got\"' USR1\n{}",
        GOOD_ENGINE.replace("exec sleep 1000", "while :; do sleep 0.1; done")
    ));
    let cluster = place.up("local -n 1", 1);
    cluster.signal(Signal::USR1);
    until(|| "the signal in an engine".into(), || place.profile().join("got").exists());
    let (code, text) = cluster.end(Signal::INT);
    assert_eq!(code, Some(0), "{text}");
    place.assert_nothing_left(&text);
}

/// Ranks leave their launcher's process group and session, each launcher in its own way; none may survive.
#[test]
fn engines_under_every_launcher_start_and_end() {
    for mpi in &Installation::load().unwrap().mpis {
        for (with, expected) in [(Signal::INT, Some(0)), (Signal::KILL, Some(1))] {
            let place = Place::with_engine(GOOD_ENGINE);
            let words = format!("mpirun -n 3 --allow-run-as-root --mpi={}", mpi.library.display());
            let cluster = place.up(&words, 3);
            let launcher = || {
                let text = fs::read_to_string(place.cluster_file()).ok()?;
                let file: serde_json::Value = serde_json::from_str(&text).ok()?;
                let set = file["engines"]["sets"].as_object()?.values().next()?.clone();
                i32::try_from(set["pid"].as_i64()?).ok()
            };
            let launcher = launcher().unwrap();
            let (code, text) = match with {
                // The launcher itself is killed, so that its ranks become orphans.
                Signal::KILL => {
                    signal(launcher, with);
                    cluster.finish()
                }
                _ => cluster.end(with),
            };
            assert_eq!(code, expected, "{} {with:?}: {text}", mpi.name);
            assert!(text.contains("3 engines ready"), "{}: {text}", mpi.name);
            assert!(
                text.contains(&*mpi.launcher.parent().unwrap().to_string_lossy()),
                "{}: {text}",
                mpi.name
            );
            place.assert_nothing_left(&text);
        }
    }
}

#[test]
fn completions_are_printed_for_each_shell() {
    let place = Place::with_engine(GOOD_ENGINE);
    for shell in ["bash", "zsh", "fish"] {
        let (code, text) = place.run(&format!("completions {shell}"));
        assert!(code == Some(0) && text.contains("ipcluster") && text.contains("daemonize"), "{shell}");
    }
}
