//! Every part that a plugin can have, called through the framework: one process, no MPI library.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anympi_core::{
    MpiInit, PluginFile, ProcessArguments, Registry, SearchPaths, Selection, State, ThreadLevel, Visibility,
};
use anympi_plugin_host::{Additions, Fault, PluginHost, launch_additions};

fn compiled(directory: &Path) -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = directory.join("libparts.so");
    let status = Command::new("cc")
        .args(["-std=c99", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-I"])
        .arg(here.join("../api/include"))
        .arg("-o")
        .arg(&output)
        .arg(here.join("tests/parts/parts.c"))
        .status()
        .unwrap();
    assert!(status.success());
    output
}

#[test]
fn words_and_variables_reach_the_launcher() {
    let directory = tempfile::tempdir().unwrap();
    let mut plugin =
        PluginFile { name: "parts".into(), path: compiled(directory.path()), argument: "fast".into() };
    let additions = launch_additions(&plugin, Path::new("/opt/bin/mpiexec"), "mpich", 4).unwrap();
    let variables = vec![("SITE_MPI".to_owned(), "fast".to_owned())];
    assert_eq!(additions, Additions { words: vec!["--mpich=4".to_owned()], variables });
    plugin.argument = "refuse".into();
    let error = launch_additions(&plugin, Path::new("/opt/bin/mpiexec"), "mpich", 4).unwrap_err();
    assert!(matches!(&error.fault, Fault::Failed { code: 1, .. }), "{error}");
    assert!(error.to_string().ends_with("failed in prepare: not with this launcher"), "{error}");
}

#[test]
fn the_life_of_a_plugin() {
    let directory = tempfile::tempdir().unwrap();
    let path = compiled(directory.path());
    let registry = Registry::new().with(anympi_abi::AbiBackend).with_plugins(PluginHost);
    let selection = Selection::Path { backend: None, path: path.clone() };
    let candidate = registry.choose(&selection, &SearchPaths::default(), None).unwrap().unwrap();
    assert_eq!(candidate.selection(), path.display().to_string());
    let mpi: Box<dyn MpiInit> = registry.open(&candidate, Visibility::Local).unwrap();
    assert_eq!((mpi.state(), mpi.info().release), (State::Untouched, Some((1, 2, 3))));
    let granted = mpi.init(&mut ProcessArguments::of_this_process(), ThreadLevel::Serialized).unwrap();
    assert_eq!((granted, mpi.rank(), mpi.size()), (ThreadLevel::Serialized, Ok(0), Ok(1)));

    let hooks = mpi.hooks().unwrap();
    assert_eq!(hooks.poll_interval(), Some(Duration::from_micros(2500)));
    hooks.poll();
    hooks.poll();
    assert!(hooks.owns_loop());
    let mut waits = Vec::new();
    hooks
        .run_loop(&mut |wait| {
            waits.push(wait);
            waits.len() < 4
        })
        .unwrap();
    assert_eq!(waits, [Duration::from_millis(7); 4]);
    assert_eq!(hooks.python_code().as_deref(), Some("polls, steps = 2, 3"));
    let error = hooks.run_loop(&mut |_| true).unwrap_err().to_string();
    assert!(error.contains("it returned although step had not told it to"), "{error}");

    // Whoever calls MPI_Finalize through the table takes the plugin's way down.
    // SAFETY: MPI is up.
    assert_eq!(unsafe { (mpi.table().MPI_Finalize)() }, 0);
    assert_eq!(mpi.state(), State::Finalized);
    assert_eq!(hooks.python_code().as_deref(), Some("polls, steps = 1001002, 10"));
    mpi.finalize().unwrap();
    assert_eq!(hooks.python_code().as_deref(), Some("polls, steps = 1001002, 10"), "the end comes once");

    // A process has one plugin.
    let error = registry.open(&candidate, Visibility::Local).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("has loaded the plugin"), "{error}");
}
