//! `examples/every_part.rs` through the host, over a real MPI in a world of one.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use anympi::plugins::{Fault, launch_additions};
use anympi::{MpiInit, PluginFile, ProcessArguments, SearchPaths, Selection, State, ThreadLevel, Visibility};
use anympi_testkit::installation::Installation;

/// Cargo builds examples before tests.
fn plugin() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let directory = test.ancestors().nth(2).unwrap().join("examples");
    let plugin = directory.join("libevery_part.so");
    assert!(plugin.is_file(), "{} is not built", plugin.display());
    plugin
}

/// Whether a sentence tells of a panic, with its place.
fn is_panic(message: &str, words: &str) -> bool {
    message.starts_with("it panicked at plugins/sdk/examples/every_part.rs:") && message.ends_with(words)
}

fn the_launcher_gets_words_and_variables() {
    let asked = |argument: &str| {
        let plugin = PluginFile { name: "every_part".into(), path: plugin(), argument: argument.into() };
        launch_additions(&plugin, Path::new("/opt/bin/mpiexec"), "mpich", 4)
    };
    let additions = asked("").unwrap();
    assert_eq!(additions.words, ["--mpich=4"]);
    assert_eq!(additions.variables, [("SITE_MPI".to_owned(), "/opt/bin/mpiexec".to_owned())]);
    let error = asked("refuse").unwrap_err();
    assert!(error.to_string().ends_with("failed in prepare: not with this launcher"), "{error}");
    let error = asked("panic").unwrap_err();
    assert!(
        matches!(&error.fault, Fault::Failed { message, .. } if is_panic(message, "on purpose")),
        "{error}"
    );
}

fn the_life_of_a_plugin_in_rust() {
    let installation = Installation::load().unwrap_or_else(|reason| panic!("{reason}"));
    let library = &installation.mpis.iter().find(|mpi| mpi.name == "mpich5").expect("mpich5").library;
    let selection: Selection = format!("{}:{}", plugin().display(), library.display()).parse().unwrap();
    let registry = anympi::registry();
    let candidate = registry.choose(&selection, &SearchPaths::default(), None).unwrap().unwrap();
    let mpi: Box<dyn MpiInit> = registry.open(&candidate, Visibility::Local).unwrap();
    let refused =
        mpi.init(&mut ProcessArguments::of_this_process(), ThreadLevel::Single).unwrap_err().to_string();
    assert!(
        is_panic(refused.split_once("failed in bring_up: ").unwrap().1, "no single thread, on purpose"),
        "{refused}"
    );
    assert_eq!(mpi.state(), State::Untouched);
    let granted = mpi.init(&mut ProcessArguments::of_this_process(), ThreadLevel::Serialized).unwrap();
    assert!(granted >= ThreadLevel::Serialized, "{granted}");
    assert_eq!((mpi.rank(), mpi.size()), (Ok(0), Ok(1)));

    mpi.barrier().unwrap();
    mpi.barrier().unwrap();

    let hooks = mpi.hooks().unwrap();
    assert_eq!(hooks.poll_interval(), Some(Duration::from_millis(2)));
    // The third panics, after which there is none.
    for _ in 0..5 {
        hooks.poll();
    }
    assert!(hooks.owns_loop());
    let mut waits = Vec::new();
    let mut four = |wait| {
        waits.push(wait);
        waits.len() < 4
    };
    hooks.run_loop(&mut four).unwrap();
    assert_eq!(waits, [Duration::from_millis(7); 4]);
    assert_eq!(hooks.python_code().as_deref(), Some("polls, steps, barriers = 3, 3, 2"));
    let error = hooks.run_loop(&mut |_| true).unwrap_err().to_string();
    let (_, message) = error.split_once("failed in run: ").unwrap();
    assert!(is_panic(message, "the loop fails on purpose"), "{error}");

    mpi.finalize().unwrap();
    assert_eq!(mpi.state(), State::Finalized);
}

/// One after the other: a child can load nothing that was forked while an MPI was being loaded.
#[test]
fn every_part_of_a_plugin_in_rust() {
    the_launcher_gets_words_and_variables();
    the_life_of_a_plugin_in_rust();
}
