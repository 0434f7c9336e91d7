//! `anympi cc` and `mpicc`: what they tell build systems, and that what they build runs.

mod common;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use common::{answer, anympi, command, output, program, repository, text};

/// The directory with `bin`, `include` and `lib`.
fn kit() -> PathBuf {
    answer(&mut anympi(&["cc", "--prefix"])).into()
}

#[test]
fn build_systems_get_their_answers_from_both_names() {
    let kit = kit();
    let (include, lib) = (kit.join("include").display().to_string(), kit.join("lib").display().to_string());
    let compile = format!("-I{include}");
    let link = format!("-L{lib} -Wl,-rpath,{lib} -Wl,--enable-new-dtags -lmpi_abi");
    let mpicc = kit.join("bin/mpicc");
    for (question, wanted) in [
        ("-show", format!("cc {compile} {link}")),
        ("-showme", format!("cc {compile} {link}")),
        ("-showme:compile", compile.clone()),
        ("--cflags", compile.clone()),
        ("-showme:link", link.clone()),
        ("--libs", link.clone()),
        ("-showme:incdirs", include.clone()),
        ("-showme:libdirs", lib.clone()),
        ("-showme:libs", "mpi_abi".to_owned()),
    ] {
        assert_eq!(answer(&mut anympi(&["cc", question])), wanted, "{question}");
        assert_eq!(answer(command(&mpicc).arg(question)), wanted, "mpicc {question}");
    }
    assert_eq!(
        answer(&mut anympi(&["cc", "-show", "-c", "a b.c"])),
        format!("cc -c 'a b.c' {compile}"),
        "compiling alone needs no library"
    );
}

#[test]
fn the_compiler_is_the_users_and_never_mpicc_itself() {
    let mpicc = kit().join("bin/mpicc");
    let compiler = |name: &str, value: &str| answer(command(&mpicc).arg("-showme:command").env(name, value));
    assert_eq!(compiler("CC", "ccache gcc"), "ccache gcc");
    assert_eq!(compiler("ANYMPI_CC", "clang"), "clang");
    assert_eq!(compiler("CC", &mpicc.to_string_lossy()), "cc");
    let said = answer(command(&mpicc).arg("--version").env("CC", &mpicc));
    assert!(!said.is_empty());
}

#[test]
fn what_is_built_needs_one_library_of_mpi_and_runs() {
    let directory = tempfile::tempdir().expect("a directory");
    let ring = directory.path().join("ring");
    let mut compile = anympi(&["cc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-o"]);
    answer(compile.arg(&ring).arg(repository("examples/ring.c")));
    let needed = answer(command("ldd".as_ref()).arg(&ring));
    let mpis: Vec<&str> = needed.lines().filter(|line| line.contains("mpi")).collect();
    assert!(matches!(mpis[..], [line] if line.contains("libmpi_abi.so.1 => ")), "{needed}");
    let library = common::mpi("mpich5").library;
    let said = answer(command(&ring).env("ANYMPI", &library));
    assert_eq!(said, "ring of 1, largest rank 0");
}

#[test]
fn an_installed_program_uses_the_kit_of_its_prefix() {
    let prefix = tempfile::tempdir().expect("a directory");
    let place = |name: &str| {
        let path = prefix.path().join(name);
        fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        path
    };
    fs::copy(program(), place("bin/anympi")).expect("the program");
    let built = kit();
    symlink("../../../bin/anympi", place("lib/anympi/bin/mpicc")).expect("a link");
    fs::copy(built.join("include/mpi.h"), place("lib/anympi/include/mpi.h")).expect("the header");
    let library = built.join("lib/libmpi_abi.so.1").canonicalize().expect("the library");
    symlink(library, place("lib/anympi/lib/libmpi_abi.so.1")).expect("a link");
    let mpicc = prefix.path().join("lib/anympi/bin/mpicc");
    assert_eq!(
        answer(command(&mpicc).arg("--cflags")),
        format!("-I{}", prefix.path().join("lib/anympi/include").display())
    );
}

#[test]
fn bad_input_is_one_sentence() {
    let refused = |arguments: &[&str], variable: (&str, &str), code: i32, words: &[&str]| {
        let output = output(anympi(arguments).env(variable.0, variable.1));
        let said = text(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}:\n{said}");
        assert_eq!(said.matches("anympi: ").count(), 1, "{said}");
        words.iter().for_each(|word| assert!(said.contains(word), "{word} is not in:\n{said}"));
    };
    let usual = ("CC", "cc");
    refused(&["cc"], usual, 2, &["nothing to compile"]);
    refused(&["cc", "a.c"], ("ANYMPI_CC", "/nowhere/cc"), 1, &["/nowhere/cc", "cannot be run"]);
    refused(&["cc", "a.c"], ("ANYMPI_CC", "'open"), 1, &["ANYMPI_CC='open is no command"]);
    let missing = output(&mut anympi(&["cc", "/nowhere/a.c"]));
    assert!(!missing.status.success() && text(&missing).contains("/nowhere/a.c"), "{}", text(&missing));
}
