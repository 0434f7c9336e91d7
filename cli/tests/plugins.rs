//! `anympi plugin`: the document's tutorial, and plugins that are broken in every way that could be thought of.
//!
//! Each broken plugin is an error with a number and a sentence, and none harms the program that checks it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anympi_testkit::installation::{Installation, Mpi};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn include() -> PathBuf {
    repository().join("plugins/api/include")
}

fn compile(compiler: &str, arguments: &[&str], source: &Path, output: &Path) {
    let result = Command::new(compiler)
        .args(["-shared", "-fPIC", "-I"])
        .arg(include())
        .args(arguments)
        .arg("-o")
        .arg(output)
        .arg(source)
        .output()
        .unwrap();
    assert!(result.status.success(), "{}", String::from_utf8_lossy(&result.stderr));
}

fn broken_source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plugins/broken.c")
}

/// A directory that only its owner may write, with one compiled plugin to be copied.
fn directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    compile("cc", &["-std=c99"], &broken_source(), &directory.path().join("fine.so"));
    directory
}

fn anympi(directory: &Path, arguments: &[&str]) -> Output {
    Command::new("timeout")
        .args(["--kill-after=5", "120", env!("CARGO_BIN_EXE_anympi")])
        .args(arguments)
        .current_dir(directory)
        .env("ANYMPI_PLUGIN_TIMEOUT", "5")
        .env("ANYMPI_PLUGIN_PATH", directory)
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Checks a plugin: the exit code, and words of the sentence.
fn expect(directory: &Path, arguments: &[&str], code: i32, words: &str) {
    let output = anympi(directory, arguments);
    let text = said(&output);
    assert_eq!(output.status.signal(), None, "{arguments:?}:\n{text}");
    assert_eq!(output.status.code(), Some(code), "{arguments:?}:\n{text}");
    assert!(text.contains(words), "{arguments:?}: no `{words}` in\n{text}");
    assert!(!text.contains("panicked at"), "{arguments:?}:\n{text}");
}

/// Faults that end the check: the name of the copy, the number, words of the sentence.
const FAULTS: &[(&str, i32, &str)] = &[
    ("abort_in_constructor", 32, "its initialisers with signal SIGABRT"),
    ("endless_constructor", 34, "did not return from its initialisers"),
    ("too_new", 21, "needs version 7"),
    ("too_old", 22, "speaks version 0"),
    ("returns_nothing", 23, "gave no reason"),
    ("entry_fails", 30, "the entry failed on purpose"),
    ("abort_in_entry", 32, "anympi_plugin_entry with signal SIGABRT"),
    ("wild_structure", 26, "0x1000, which is no memory of this process"),
    ("wrong_magic", 24, "wrong magic number 0x1"),
    ("truncated", 25, "with a size of 8 bytes"),
    ("truncated_backend", 25, "anympi.backend/1 with a size of 16 bytes"),
    ("null_name", 26, "name as 0x0, which is null"),
    ("wild_name", 26, "0xdeadbeef000"),
    ("bad_name", 28, "calls itself `Bad Name`"),
    ("name_without_letters", 28, "calls itself ``"),
    ("name_not_unicode", 27, "not UTF-8"),
    ("null_extension", 26, "extension as 0x0"),
    ("crash_in_extension", 32, "extension with signal"),
    ("no_backend", 29, "lacks the part anympi.backend/1"),
    ("null_probe", 26, "anympi_backend.probe as 0x0"),
    ("probe_is_data", 26, "which is no function"),
    ("abort_in_probe", 32, "probe with signal SIGABRT"),
    ("crash_in_probe", 32, "probe with signal SIGSEGV"),
    ("endless_probe", 34, "did not return from probe"),
    ("exit_in_probe", 33, "called exit(3) in probe"),
    ("unavailable", 30, "there is no such machine here"),
    ("silent_failure", 30, "it gave no reason"),
    ("unended_error", 27, "the error text of probe that is not UTF-8 or does not end"),
    ("unended_text", 27, "anympi_offer.wraps that is not UTF-8 or does not end"),
    ("bad_source", 31, "source 99"),
    ("bad_family", 31, "family 99"),
    ("relative_library", 31, "no absolute path"),
    ("missing_library", 31, "/nowhere/libmpi.so"),
    ("linked_to_nothing", 31, "linked to no MPI"),
    ("own_without_symbol", 29, "lacks symbol"),
];

/// Rules that are broken by a plugin that would work: the exit code is 1.
const BROKEN: &[(&str, u32, &str)] = &[
    ("keeps_the_version", 10, "left the version as it was"),
    ("accepts_version_0", 11, "accepts a host of version 0"),
    ("every_part", 12, "has a part org.example.nothing/1"),
    ("changes_environment", 17, "the environment changed"),
    ("changes_directory", 17, "the working directory changed"),
    ("noise", 18, "it wrote: noise"),
    ("changes_its_mind", 19, "another offer"),
    ("every_function", 20, "it has MPI_No_such_function"),
    ("nonsense_function", 21, "its MPI_Barrier as 0x10, which is no function"),
    ("lacks_a_function", 30, "lacks MPI_Comm_size"),
    ("open_fails", 30, "open failed on purpose"),
    ("open_crashes", 30, "brought this process down in open"),
    ("calls_mpi_in_open", 30, "called MPI in open"),
    ("bring_up_fails", 30, "bring_up failed on purpose"),
    ("bring_up_aborts", 30, "brought this process down in bring_up"),
    ("not_up", 30, "said that MPI is up"),
    ("wrong_level", 31, "the thread level 77"),
    ("wrong_rank", 32, "rank 5 of 1"),
    ("negative_rank", 32, "rank -1 of 1"),
    ("wrong_world", 33, "1 processes are rank 0 of 3"),
    ("barrier_fails", 34, "MPI_Barrier failed"),
    ("stays_up", 35, "said that MPI is down"),
    ("finalizes_twice", 30, "brought this process down in take_down"),
];

fn copy(directory: &Path, name: &str) -> String {
    fs::copy(directory.join("fine.so"), directory.join(format!("{name}.so"))).unwrap();
    format!("./{name}.so")
}

#[test]
fn a_fine_plugin_keeps_every_rule() {
    let directory = directory();
    expect(directory.path(), &["plugin", "check", "./fine.so", "--ranks=1"], 0, "28 rules kept, 0 broken");
}

#[test]
fn every_fault_has_its_number_and_its_sentence() {
    let directory = directory();
    for (name, number, words) in FAULTS {
        let file = copy(directory.path(), name);
        expect(directory.path(), &["plugin", "check", &file], *number, words);
    }
}

#[test]
fn every_broken_rule_is_named() {
    let directory = directory();
    for (name, rule, words) in BROKEN {
        let file = copy(directory.path(), name);
        expect(directory.path(), &["plugin", "check", &file, "--ranks=1"], 1, words);
        let output = anympi(directory.path(), &["plugin", "check", &file, "--ranks=1"]);
        assert!(said(&output).contains(&format!("{rule:>3}  BROKEN")), "{name}:\n{}", said(&output));
    }
}

#[test]
fn files_that_are_no_plugins_are_not_loaded() {
    let directory = directory();
    let path = |name: &str| directory.path().join(name);
    let check = |name: &str, number, words| {
        expect(directory.path(), &["plugin", "check", &format!("./{name}")], number, words);
    };
    check("missing.so", 10, "cannot be read");
    fs::write(path("text.so"), "this is no library").unwrap();
    check("text.so", 11, "is no shared library");
    let bytes = fs::read(path("fine.so")).unwrap();
    fs::write(path("cut.so"), &bytes[..bytes.len() / 3]).unwrap();
    check("cut.so", 11, "is no shared library");
    let mut other = bytes.clone();
    other[18..20].copy_from_slice(&0x1234u16.to_le_bytes());
    fs::write(path("other_machine.so"), other).unwrap();
    check("other_machine.so", 12, "machine 4660");
    compile("cc", &["-std=c99", "-DNO_ENTRY"], &broken_source(), &path("no_entry.so"));
    check("no_entry.so", 13, "exports no anympi_plugin_entry");
    compile("cc", &["-std=c99", "-DUNRESOLVED"], &broken_source(), &path("unresolved.so"));
    check("unresolved.so", 20, "nobody_defines_this");
    copy(directory.path(), "writable");
    fs::set_permissions(path("writable.so"), fs::Permissions::from_mode(0o666)).unwrap();
    check("writable.so", 14, "chmod o-w");
}

#[test]
fn a_panic_ends_the_trial_only() {
    let directory = directory();
    let path = |name: &str| directory.path().join(name);
    let source = path("panics.rs");
    fs::write(
        &source,
        "#[unsafe(no_mangle)] pub extern \"C\" fn anympi_plugin_entry() { panic!(\"on purpose\") }\n",
    )
    .unwrap();
    let rustc = Command::new("rustc")
        .args(["--edition=2024", "--crate-type=cdylib", "-o"])
        .arg(path("panics.so"))
        .arg(&source)
        .output()
        .unwrap();
    assert!(rustc.status.success(), "{}", said(&rustc));
    let output = anympi(directory.path(), &["plugin", "check", "./panics.so"]);
    assert_eq!(output.status.code(), Some(32), "{}", said(&output));
    assert!(said(&output).contains("on purpose"), "{}", said(&output));
}

/// Where a plugin in C++ throws: the exit code of the check, the rule, the function.
const THROWS: &[(&str, i32, u32, &str)] = &[
    ("ENTRY", 40, 5, "anympi_plugin_entry"),
    ("EXTENSION", 40, 12, "extension"),
    ("PROBE", 40, 14, "probe"),
    ("SYMBOL", 40, 21, "symbol"),
    ("OPEN", 1, 30, "open"),
    ("BRING_UP", 1, 30, "bring_up"),
    ("TAKE_DOWN", 1, 35, "take_down"),
];

#[test]
fn exceptions_end_nothing() {
    let directory = directory();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plugins/throws.cpp");
    for (place, code, rule, function) in THROWS {
        let plugin = format!("throws_{place}.so");
        let options = ["-std=c++17", "-Wall", "-Wextra", &format!("-DTHROWS_IN={place}")];
        compile("c++", &options, &source, &directory.path().join(&plugin));
        let plugin = format!("./{plugin}:{}", mpich().library.display());
        let words = format!("let an exception out of {function}, which no function may");
        expect(directory.path(), &["plugin", "check", &plugin, "--ranks=1"], *code, &words);
        let output = anympi(directory.path(), &["plugin", "check", &plugin, "--ranks=1"]);
        let text = said(&output);
        assert!(text.contains(&format!("{rule:>3}  BROKEN")), "{place}:\n{text}");
        // Nobody ended the process, and nobody said so.
        assert!(
            !text.contains("terminate called") && !text.contains("fatal runtime error"),
            "{place}:\n{text}"
        );
        assert!(!text.contains("brought this process down"), "{place}:\n{text}");
    }
}

#[test]
fn names_and_manifests() {
    let directory = directory();
    let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
    let check = |name: &str, code, words| {
        expect(directory.path(), &["plugin", "rank", name, "--ranks=1"], code, words);
    };
    check("nobody", 1, "no MPI backend or plugin is named `nobody`");
    let good = "format = 1\nname = \"mine\"\nplugin = \"broken\"\nlibrary = \"fine.so\"\n";
    write("mine.toml", good);
    check("mine", 0, "\"rank\":0,\"size\":1");
    copy(directory.path(), "libanympi_other");
    check("other", 1, "was found as `other`, but calls itself `broken`");
    copy(directory.path(), "libanympi_mine");
    check("mine", 1, "have the same name, `mine`");
    write("newer.toml", "format = 9\nname = \"newer\"\nlibrary = \"fine.so\"\n");
    check("newer", 1, "its format is 9");
    write("typo.toml", "format = 1\nname = \"typo\"\nlibrary = \"fine.so\"\nargumment = \"\"\n");
    check("typo", 1, "argumment");
    write("gone.toml", "format = 1\nname = \"gone\"\nlibrary = \"gone.so\"\n");
    check("gone", 1, "there is no");
    let listed = said(&anympi(directory.path(), &["list"]));
    assert!(listed.contains("Plugins:") && listed.contains("its format is 9"), "{listed}");
}

fn mpich() -> Mpi {
    let installation = Installation::load().unwrap_or_else(|reason| panic!("{reason}"));
    installation.mpis.into_iter().find(|mpi| mpi.name == "mpich5").expect("mpich5")
}

/// The document alone makes a plugin: its C code, its header, its command.
#[test]
fn the_tutorial_of_the_document_is_a_plugin() {
    let document = fs::read_to_string(repository().join("docs/PLUGIN-ABI.md")).unwrap();
    let block = |start: &str| {
        let (_, rest) = document.split_once(&format!("```{start}\n")).unwrap();
        rest.split_once("```").unwrap().0.to_owned()
    };
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("hello.c"), block("c")).unwrap();
    fs::copy(include().join("anympi_plugin.h"), directory.path().join("anympi_plugin.h")).unwrap();
    let commands = block("sh");
    let build = commands.lines().find(|line| line.starts_with("cc ")).unwrap();
    let built = Command::new("sh").args(["-c", build]).current_dir(directory.path()).output().unwrap();
    assert!(built.status.success() && built.stderr.is_empty(), "{}", said(&built));
    let plugin = format!("./libhello.so:{}", mpich().library.display());
    expect(directory.path(), &["plugin", "check", &plugin, "--ranks=2"], 0, "26 rules kept, 0 broken");
}

#[test]
fn a_new_plugin_in_c_builds_and_keeps_every_rule() {
    let directory = tempfile::tempdir().unwrap();
    expect(directory.path(), &["plugin", "new", "fresh"], 0, "fresh/ is there");
    expect(directory.path(), &["plugin", "new", "fresh"], 1, "is there already");
    expect(directory.path(), &["plugin", "new", "Fresh!"], 1, "is no name for a plugin");
    let fresh = directory.path().join("fresh");
    let built = Command::new("make").current_dir(&fresh).output().unwrap();
    assert!(built.status.success(), "{}", said(&built));
    let plugin = format!("./libfresh.so:{}", mpich().library.display());
    expect(&fresh, &["plugin", "check", &plugin, "--ranks=2"], 0, "26 rules kept, 0 broken");
}

#[test]
fn a_new_plugin_in_rust_builds_and_keeps_every_rule() {
    let directory = tempfile::tempdir().unwrap();
    let sdk = format!("--sdk={}", repository().join("plugins/sdk").display());
    expect(directory.path(), &["plugin", "new", "crisp", "--lang=rust", &sdk], 0, "crisp/ is there");
    let crisp = directory.path().join("crisp");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--release", "--offline", "--target-dir", "target"])
        .current_dir(&crisp)
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", said(&built));
    let plugin = format!("target/release/libcrisp.so:{}", mpich().library.display());
    expect(&crisp, &["plugin", "check", &plugin, "--ranks=2"], 0, "rules kept, 0 broken");
}

#[test]
fn the_document_has_every_rule_and_every_number() {
    let document = fs::read_to_string(repository().join("docs/PLUGIN-ABI.md")).unwrap();
    for (number, title) in anympi::plugins::check::RULES {
        let line = document.lines().find(|line| line.starts_with(&format!("- **{number}.** ")));
        let line = line.unwrap_or_else(|| panic!("rule {number} is not in the document"));
        assert!(line.to_lowercase().contains(&title.to_lowercase()), "{line} is not: {title}");
    }
}
