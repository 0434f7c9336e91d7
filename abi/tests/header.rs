//! `include/mpi.h`: it compiles cleanly as C and as C++, says what MPICH's header of the standard ABI says, and names
//! nothing that the library does not export.

#![expect(clippy::expect_used, reason = "a test that lacks something says what")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anympi_testkit::installation::Installation;

fn include() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("include")
}

fn header() -> String {
    std::fs::read_to_string(include().join("mpi.h")).expect("mpi.h")
}

/// The directory of MPICH's header.
fn other_include() -> PathBuf {
    let installation = Installation::load().unwrap_or_else(|reason| panic!("{reason}"));
    let mpich = installation.mpis.iter().find(|mpi| mpi.name == "mpich5").expect("mpich5");
    let prefix = mpich.library.parent().and_then(Path::parent).expect("a prefix");
    prefix.join("include")
}

fn run(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// Compiles a file and gives what the compiler said, if it refused.
fn refusal(command: &mut Command) -> Option<String> {
    let output = run(command.args(["-pedantic", "-Wall", "-Wextra", "-Werror"]));
    (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned())
}

/// The lines that declare functions.
fn prototypes(header: &str) -> impl Iterator<Item = &str> {
    header.lines().filter(|line| line.ends_with(");") && !line.starts_with("typedef"))
}

#[test]
fn the_header_is_clean_in_c_and_in_cpp() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let source = directory.path().join("only.c");
    let text = "#include <mpi.h>\ntypedef char status_has_32_bytes[sizeof(MPI_Status) == 32 ? 1 : -1];\n";
    std::fs::write(&source, text).expect("a source file");
    for (compiler, language, standard) in
        [("cc", "c", "-std=c99"), ("cc", "c", "-std=c11"), ("c++", "c++", "-std=c++11")]
    {
        let mut command = Command::new(compiler);
        command.args(["-x", language, standard, "-fsyntax-only", "-I"]).arg(include()).arg(&source);
        assert_eq!(refusal(&mut command), None, "{compiler} {standard}");
    }
}

/// C lets a function be declared twice only with compatible types.
#[test]
fn every_function_has_the_type_that_mpich_gives_it() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let source = directory.path().join("twice.c");
    let header = header();
    let mut text = String::from("#include <mpi_abi.h>\ntypedef int MPI_Fint;\n");
    prototypes(&header).for_each(|line| text.extend([line, "\n"]));
    std::fs::write(&source, text).expect("a source file");
    let mut command = Command::new("cc");
    command.args(["-std=c11", "-fsyntax-only", "-I"]).arg(other_include()).arg(&source);
    assert_eq!(refusal(&mut command), None);
}

/// What a program prints that lists every constant of our header.
fn values(include: &Path, file: &str, names: &[&str]) -> String {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let source = directory.path().join("values.c");
    let program = directory.path().join("values");
    let mut text = format!("#include <stdio.h>\n#include <{file}>\nint main(void) {{\n");
    for name in names {
        text.push_str(&format!("printf(\"{name} %lld\\n\", (long long)(intptr_t){name});\n"));
    }
    text.push_str("return 0; }\n");
    std::fs::write(&source, text).expect("a source file");
    let compiled = run(Command::new("cc").arg("-I").arg(include).arg(&source).arg("-o").arg(&program));
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    String::from_utf8(run(&mut Command::new(&program)).stdout).expect("text")
}

#[test]
fn every_constant_has_the_value_that_mpich_gives_it() {
    let header = header();
    let defined = header.lines().filter_map(|line| line.strip_prefix("#define MPI_"));
    let enumerated =
        header.lines().filter_map(|line| line.strip_prefix("    MPI_").filter(|line| line.contains(" = ")));
    let rest: Vec<&str> = defined.chain(enumerated).filter_map(|line| line.split(' ').next()).collect();
    let names: Vec<String> =
        rest.iter().filter(|name| !name.contains('(')).map(|name| format!("MPI_{name}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(names.len(), 364);
    let ours = values(&include(), "mpi.h", &names);
    let theirs = values(&other_include(), "mpi_abi.h", &names);
    let differing: Vec<_> =
        ours.lines().zip(theirs.lines()).filter(|(ours, theirs)| ours != theirs).collect();
    assert!(differing.is_empty(), "{differing:?}");
    assert_eq!(ours.lines().count(), names.len());
}

/// A program that takes the address of each function links to the library.
#[test]
fn the_library_exports_every_function() {
    let installation = Installation::load().unwrap_or_else(|reason| panic!("{reason}"));
    let library = installation.programs.join("libmpi_abi.so");
    assert!(library.is_file(), "{} is not built", library.display());
    let directory = tempfile::tempdir().expect("a temporary directory");
    let source = directory.path().join("all.c");
    let header = header();
    let names = prototypes(&header).filter_map(|line| line.split('(').next()?.rsplit([' ', '*']).next());
    let mut text = String::from("#include <mpi.h>\ntypedef void function(void);\nfunction *all[] = {\n");
    let mut count = 0;
    for name in names {
        text.push_str(&format!("(function *) {name},\n"));
        count += 1;
    }
    text.push_str("};\nint main(void) { return all[0] == 0; }\n");
    assert_eq!(count, 2 * 662 + 22);
    std::fs::write(&source, text).expect("a source file");
    let mut command = Command::new("cc");
    command.arg("-I").arg(include()).arg(&source).arg(&library).arg("-o").arg(directory.path().join("all"));
    let output = run(&mut command);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
