//! The program itself: files, signals, and bad input.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use anympi_wire::{ClientConnection, EngineConnection};
use common::{PATIENCE, until};

fn program(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ipcontroller"));
    command.arg(format!("--profile-dir={}", directory.display())).args(arguments);
    for name in ["IPYTHONDIR", "IPP_PROFILE_DIR", "IPP_CLUSTER_ID", "IPP_SESSION_KEY"] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn start(directory: &Path, arguments: &[&str]) -> Child {
    let mut child = program(directory, arguments).spawn().unwrap();
    let file = directory.join("security/ipcontroller-engine.json");
    let ready = || EngineConnection::read(&file).is_ok_and(|it| it.check_answering("", PATIENCE).is_ok());
    until("the controller is ready", || ready() || child.try_wait().unwrap().is_some());
    child
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

fn end(mut child: Child, name: &str) -> Output {
    signal(&child, name);
    until("the controller ends", || child.try_wait().unwrap().is_some());
    child.wait_with_output().unwrap()
}

/// That the program ends by itself with one sentence.
fn refused(directory: &Path, arguments: &[&str]) -> String {
    let mut child = program(directory, arguments).spawn().unwrap();
    until("the program ends", || child.try_wait().unwrap().is_some());
    let output = child.wait_with_output().unwrap();
    assert!(!output.status.success());
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!text.contains("panicked"), "{text}");
    text
}

#[test]
fn signals_end_it_cleanly_and_files_go() {
    for name in ["-INT", "-TERM"] {
        let directory = tempfile::tempdir().unwrap();
        let child = start(directory.path(), &[]);
        let security = directory.path().join("security");
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&security), 0o700);
        for file in ["ipcontroller-client.json", "ipcontroller-engine.json"] {
            assert_eq!(mode(&security.join(file)), 0o600);
        }
        let output = end(child, name);
        assert_eq!(output.status.code(), Some(0));
        assert!(output.stdout.is_empty(), "nothing on stdout");
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(text.lines().count(), 1, "one line: {text}");
        assert!(text.contains("ready"));
        assert_eq!(std::fs::read_dir(&security).unwrap().count(), 0, "the files are removed");
    }
}

#[test]
fn a_second_controller_of_a_profile_is_refused_and_a_stale_file_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let first = start(directory.path(), &["--quiet"]);
    let text = refused(directory.path(), &[]);
    assert!(text.contains("already runs") && text.lines().count() == 1, "{text}");
    let other = start(directory.path(), &["--cluster-id=other", "--quiet"]);
    end(other, "-TERM");
    let output = end(first, "-KILL");
    assert_eq!(output.status.code(), None);
    assert!(directory.path().join("security/ipcontroller-client.json").exists(), "stale");
    let again = start(directory.path(), &["--quiet"]);
    assert_eq!(end(again, "-TERM").status.code(), Some(0));
}

#[test]
fn reuse_keeps_ports_key_and_files() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("security/ipcontroller-client.json");
    let first = start(directory.path(), &["--reuse"]);
    let before = ClientConnection::read(&file).unwrap();
    end(first, "-TERM");
    let second = start(directory.path(), &["--reuse"]);
    assert_eq!(ClientConnection::read(&file).unwrap(), before);
    end(second, "-TERM");
    std::fs::write(&file, "{").unwrap();
    let text = refused(directory.path(), &["--reuse"]);
    assert!(text.contains("damaged"), "{text}");
}

#[test]
fn settings_are_taken_in_every_form_and_unknown_ones_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let arguments = [
        "--HeartMonitor.period=200",
        "--IPController.ip",
        "127.0.0.1",
        "--location=here",
        "--TaskScheduler.scheme_name=lru",
        "--hwm",
        "3",
        "--nodb",
        "--NoSuch.thing=7",
        "--sqlitedb",
        "--log-level=30",
    ];
    let child = start(directory.path(), &arguments);
    let client = ClientConnection::read(&directory.path().join("security/ipcontroller-client.json")).unwrap();
    assert_eq!((client.task_scheme.as_str(), client.location.as_str()), ("lru", "here"));
    let output = end(child, "-TERM");
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("NoSuch.thing=7") && text.contains("--sqlitedb"), "{text}");
    assert!(!text.contains("HeartMonitor"), "{text}");
}

#[test]
fn ports_are_those_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    // Free now; taken by nobody else for the moment, one hopes: else the next one is used, which is tested too.
    let listeners: Vec<_> = (0..3).map(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let ports: Vec<u16> = listeners.iter().map(|it| it.local_addr().unwrap().port()).collect();
    let [registration, control, taken] = ports[..] else { unreachable!() };
    let mut listeners = listeners.into_iter();
    drop((listeners.next(), listeners.next()));
    let child = start(
        directory.path(),
        &[&format!("--port={registration}"), &format!("--ports={taken},{control}"), "--quiet"],
    );
    let engine = EngineConnection::read(&directory.path().join("security/ipcontroller-engine.json")).unwrap();
    assert_eq!((engine.registration, engine.control), (registration, control));
    end(child, "-TERM");
}

#[test]
fn bad_input_is_one_sentence() {
    let directory = tempfile::tempdir().unwrap();
    for (arguments, word) in [
        (&["--ip=203.0.113.9"][..], "203.0.113.9"),
        (&["--scheme=pure"], "leastload"),
        (&["--ports=abc"], "abc"),
        (&["--log-level=loud"], "loud"),
        (&["--bogus"], "--bogus"),
        (&["--cluster-id=a/b"], "a/b"),
        (&["--keyfile=/no/such/file"], "/no/such/file"),
        (&["--work-dir=/no/such/dir"], "/no/such/dir"),
        (&["--profile-dir=/proc/nowhere"], "/proc/nowhere"),
    ] {
        let text = refused(directory.path(), arguments);
        assert!(text.contains(word), "{arguments:?}: {text}");
    }
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let text = refused(directory.path(), &[&format!("--port={port}")]);
    assert!(text.contains("in use"), "{text}");
    assert!(!directory.path().join("security/ipcontroller-client.json").exists(), "nothing half started");
}
