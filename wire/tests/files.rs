//! Connection files, addresses, profiles and command lines.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use anympi_wire::arguments::{LogLevel, Setting, prepare};
use anympi_wire::{
    ClientConnection, ConnectionError, EngineConnection, Profile, ProfileError, ProfileOptions, address,
    remove_file,
};

const STOCK_CLIENT: &str = r#"{ "ssh": "", "interface": "tcp://127.0.0.1",
  "registration": 60341, "control": 35845, "mux": 40383, "task": 40783,
  "task_scheme": "leastload", "iopub": 40911, "notification": 39419, "broadcast": 38999,
  "key": "247e4c22-10fc435d625d41014ff287f9", "curve_serverkey": null, "location": "vm",
  "pack": "json", "unpack": "json", "signature_scheme": "hmac-sha256" }"#;
const STOCK_ENGINE: &str = r#"{ "ssh": "", "interface": "tcp://127.0.0.1",
  "registration": 60341, "control": 50173, "mux": 55423, "task": 54593, "iopub": 54807,
  "hb_ping": 47447, "hb_pong": 40987, "broadcast": [35835, 41075],
  "key": "247e4c22", "curve_serverkey": null, "location": "vm",
  "pack": "json", "unpack": "json", "signature_scheme": "hmac-sha256" }"#;

#[test]
fn stock_files_are_read_and_written_back() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("security/client.json");
    let client = ClientConnection::parse(STOCK_CLIENT, "test").unwrap();
    client.write(&path).unwrap();
    assert_eq!(ClientConnection::read(&path).unwrap(), client);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no temporary file is left");
    let engine = EngineConnection::parse(STOCK_ENGINE, "test").unwrap();
    assert_eq!([0, 1, 2, 3].map(|id| engine.broadcast_port(id).unwrap()), [35835, 41075, 35835, 41075]);
    engine.write(&path).unwrap();
    assert_eq!(EngineConnection::read(&path).unwrap(), engine);
    remove_file(&path).unwrap();
    remove_file(&path).unwrap();
    assert!(matches!(EngineConnection::read(&path), Err(ConnectionError::Missing { .. })));
}

#[test]
fn optional_keys_may_be_missing() {
    let mut value: serde_json::Value = serde_json::from_str(STOCK_ENGINE).unwrap();
    for key in ["key", "ssh", "curve_serverkey", "location"] {
        value.as_object_mut().unwrap().remove(key);
    }
    let engine = EngineConnection::parse(&value.to_string(), "test").unwrap();
    assert!(!engine.signer().unwrap().is_on());
}

#[test]
fn every_truncation_and_missing_key_is_one_clear_sentence() {
    for length in 0..STOCK_ENGINE.trim_end().len() {
        let error = EngineConnection::parse(&STOCK_ENGINE[..length], "the file").unwrap_err();
        assert!(matches!(error, ConnectionError::Damaged { .. }), "{error}");
        assert!(error.to_string().starts_with("the file is damaged") && !error.to_string().contains('\n'));
    }
    let value: serde_json::Value = serde_json::from_str(STOCK_ENGINE).unwrap();
    for key in ["interface", "registration", "mux", "task", "hb_ping", "hb_pong", "broadcast", "pack"] {
        let mut value = value.clone();
        value.as_object_mut().unwrap().remove(key);
        let error = EngineConnection::parse(&value.to_string(), "the file").unwrap_err().to_string();
        assert!(error.contains(&format!("`{key}`")), "{error}");
    }
}

#[test]
fn wrong_values_are_named() {
    let parse = |from: &str, to: &str| {
        EngineConnection::parse(&STOCK_ENGINE.replace(from, to), "x").unwrap_err().to_string()
    };
    assert!(parse("tcp://127.0.0.1", "127.0.0.1").contains("no interface"));
    assert!(parse("tcp://127.0.0.1", "ipc:///tmp/x").contains("no interface"));
    assert!(parse("50173", "0").contains("port is 0"));
    assert!(parse("50173", "70000").contains("damaged"));
    assert!(parse("[35835, 41075]", "[]").contains("port is 0"));
    assert!(parse("hmac-sha256", "hmac-md5").contains("hmac-md5"));
    assert!(parse("\"pack\": \"json\"", "\"pack\": \"pickle\"").contains("pickle"));
    assert!(parse("\"curve_serverkey\": null", "\"curve_serverkey\": \"x\"").contains("CURVE"));
}

#[test]
fn a_stale_file_is_recognised() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = ClientConnection::parse(STOCK_CLIENT, "test").unwrap();
    client.registration = listener.local_addr().unwrap().port();
    client.check_answering("x", Duration::from_secs(5)).unwrap();
    drop(listener);
    let error = client.check_answering("x", Duration::from_secs(5)).unwrap_err();
    assert!(matches!(error, ConnectionError::Stale { .. }) && error.to_string().contains("stale"), "{error}");
}

#[test]
fn any_address_becomes_the_one_to_connect_to() {
    let resolve = |host: &str| match host {
        "far" => vec!["10.9.8.7".parse::<IpAddr>().unwrap()],
        "alias" => vec!["10.0.0.1".parse().unwrap()],
        "six" => vec!["fd00::1".parse().unwrap()],
        _ => Vec::new(),
    };
    let local = |address: IpAddr| address == "10.0.0.1".parse::<IpAddr>().unwrap();
    let address = |interface, location| address::disambiguate_with(interface, location, "me", resolve, local);
    for interface in ["tcp://0.0.0.0", "tcp://*"] {
        assert_eq!(address(interface, ""), "tcp://127.0.0.1");
        assert_eq!(address(interface, "me"), "tcp://127.0.0.1");
        assert_eq!(address(interface, "alias"), "tcp://127.0.0.1");
        assert_eq!(address(interface, "far"), "tcp://10.9.8.7");
        assert_eq!(address(interface, "six"), "tcp://[fd00::1]");
        assert_eq!(address(interface, "unknown"), "tcp://unknown");
    }
    assert_eq!(address("tcp://10.1.1.1", "far"), "tcp://10.1.1.1");
    assert_eq!(address("nonsense", "far"), "nonsense");
}

#[test]
fn local_addresses_are_recognised() {
    assert!(address::is_local("127.0.0.1".parse().unwrap()));
    assert!(!address::is_local("203.0.113.7".parse().unwrap()));
    assert!(!address::host_name().is_empty());
}

#[test]
fn profiles_follow_options_then_environment_then_defaults() {
    let none = |_: &str| None;
    let home = |name: &str| (name == "HOME").then(|| "/h".to_string());
    let all = |name: &str| match name {
        "HOME" => Some("/h".to_string()),
        "IPYTHONDIR" => Some("~/ipython".to_string()),
        "IPP_PROFILE_DIR" => Some("/env/profile".to_string()),
        "IPP_CLUSTER_ID" => Some("seven".to_string()),
        _ => None,
    };
    let options = ProfileOptions::default();
    assert!(matches!(Profile::locate_with(&options, none), Err(ProfileError::NoHome)));
    let profile = Profile::locate_with(&options, home).unwrap();
    let file = "/h/.ipython/profile_default/security/ipcontroller-client.json";
    assert_eq!(profile.client_file(), Path::new(file));
    let profile = Profile::locate_with(&options, all).unwrap();
    assert_eq!(profile.engine_file(), Path::new("/env/profile/security/ipcontroller-seven-engine.json"));
    assert_eq!(profile.engines_file(), Path::new("/env/profile/log/enginesseven.json"));
    assert_eq!(profile.cluster_file(), Path::new("/env/profile/security/cluster-seven.json"));
    let options = ProfileOptions {
        profile: Some("mpi".to_string()),
        cluster_id: Some("me".to_string()),
        ..ProfileOptions::default()
    };
    let directory_of = |name: &str| if name == "IPP_PROFILE_DIR" { None } else { all(name) };
    let profile = Profile::locate_with(&options, directory_of).unwrap();
    assert_eq!(profile.directory(), Path::new("/h/ipython/profile_mpi"));
    assert_eq!(profile.cluster_id(), "me");
    let options = ProfileOptions { profile_dir: Some("/p".into()), ..options };
    assert_eq!(Profile::locate_with(&options, all).unwrap().directory(), Path::new("/p"));
    for bad in ["..", "a/b"] {
        let options = ProfileOptions { cluster_id: Some(bad.to_string()), ..ProfileOptions::default() };
        assert!(matches!(Profile::locate_with(&options, all), Err(ProfileError::BadName { .. })), "{bad}");
    }
}

#[test]
fn profile_directories_are_private() {
    let directory = tempfile::tempdir().unwrap();
    let options =
        ProfileOptions { profile_dir: Some(directory.path().join("p")), ..ProfileOptions::default() };
    let profile = Profile::locate(&options).unwrap();
    profile.create().unwrap();
    profile.create().unwrap();
    let mode = std::fs::metadata(profile.security_dir()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    assert!(profile.log_dir().is_dir());
}

#[test]
fn settings_become_options_and_unknown_ones_are_named() {
    let settings = [
        Setting::value("HeartMonitor.period", "--ping"),
        Setting::value("IPController.ip", "--ip"),
        Setting::switch("IPController.reuse_files", "--reuse"),
    ];
    let prepared = |line: &str| {
        let prepared = prepare(line.split(' ').map(str::to_string), &settings);
        (prepared.arguments.join(" "), prepared.unknown.join(" "))
    };
    let same = |line: &str| assert_eq!(prepared(line), (line.to_string(), String::new()));
    same("p --ping=3 --ip 1.2.3.4 file.json -n 4 --x.y=3 --profile=My.Profile");
    same("p -- --HeartMonitor.period=3");
    assert_eq!(prepared("p --HeartMonitor.period=3").0, "p --ping=3");
    assert_eq!(prepared("p --HeartMonitor.period 3 --debug").0, "p --ping=3 --debug");
    assert_eq!(prepared("p --IPController.ip='*'").0, "p --ip=*");
    assert_eq!(prepared("p --IPController.reuse_files=True").0, "p --reuse");
    assert_eq!(prepared("p --IPController.reuse_files --debug").0, "p --reuse --debug");
    assert_eq!(prepared("p --IPController.reuse_files=False").0, "p");
    let (rest, unknown) = prepared("p --Inter.active=1 --No.such thing --Last.one");
    assert_eq!((rest.as_str(), unknown.as_str()), ("p", "Inter.active=1 No.such=thing Last.one=True"));
}

#[test]
fn log_levels_are_pythons() {
    for (text, level) in [
        ("10", LogLevel::Debug),
        ("INFO", LogLevel::Info),
        ("warn", LogLevel::Warning),
        ("50", LogLevel::Critical),
    ] {
        assert_eq!(text.parse(), Ok(level));
    }
    assert!("loud".parse::<LogLevel>().unwrap_err().to_string().contains("DEBUG"));
}
