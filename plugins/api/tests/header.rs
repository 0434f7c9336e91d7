//! The header as compilers see it: clean in C99 and C++17, and with the layout of the Rust mirror.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anympi_plugin_api::*;

fn include() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("include")
}

fn compile(compiler: &str, arguments: &[&str], source: &Path, output: &Path) {
    let result = Command::new(compiler)
        .args(["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror"])
        .args(arguments)
        .arg("-I")
        .arg(include())
        .arg("-o")
        .arg(output)
        .arg(source)
        .output()
        .unwrap_or_else(|error| panic!("{compiler}: {error}; `cargo xtask setup --tests` installs it"));
    assert!(
        result.status.success(),
        "{compiler} {arguments:?}:\n{}",
        String::from_utf8_lossy(&result.stderr)
    );
}

#[test]
fn both_compilers_are_content_in_both_languages() {
    let directory = tempfile::tempdir().unwrap();
    let output = directory.path().join("x.o");
    // Twice, as a program with two files that need it would.
    let text = "#include \"anympi_plugin.h\"\n#include \"anympi_plugin.h\"\nint x(void);\nint x(void) { return ANYMPI_OK; }\n";
    let source = directory.path().join("x.c");
    std::fs::write(&source, text).unwrap();
    for (c, cpp) in [("gcc", "g++"), ("clang", "clang++")] {
        compile(c, &["-std=c99", "-Wstrict-prototypes", "-c", "-x", "c"], &source, &output);
        compile(cpp, &["-std=c++17", "-c", "-x", "c++"], &source, &output);
    }
}

/// What the C compiler says of every structure, and what is written down for version 1.
#[test]
fn the_layout_is_that_of_the_mirror_and_of_version_1() {
    let mut program =
        "#include \"anympi_plugin.h\"\n#include <stddef.h>\n#include <stdio.h>\nint main(void) {\n"
            .to_owned();
    let mut mirror = String::new();
    for (name, size, fields) in LAYOUT {
        writeln!(program, "printf(\"{name} %zu\\n\", sizeof({name}));").unwrap();
        writeln!(mirror, "{name} {size}").unwrap();
        for (field, offset) in *fields {
            writeln!(program, "printf(\"  {field} %zu\\n\", offsetof({name}, {field}));").unwrap();
            writeln!(mirror, "  {field} {offset}").unwrap();
        }
    }
    program.push_str("return 0;\n}\n");
    let directory = tempfile::tempdir().unwrap();
    let (source, output) = (directory.path().join("layout.c"), directory.path().join("layout"));
    std::fs::write(&source, program).unwrap();
    compile("cc", &["-std=c99"], &source, &output);
    let said = Command::new(&output).output().unwrap();
    let header = String::from_utf8(said.stdout).unwrap();
    assert_eq!(header, mirror, "the header differs from the mirror");
    // A change here is a new version of the interface: fields may only be added at the end of a structure.
    assert_eq!(header, include_str!("layout-1.txt"), "version 1 of the interface has changed");
}

#[test]
fn every_constant_has_the_value_of_the_header() {
    let numbers = [
        ("ANYMPI_PLUGIN_ABI", i64::from(ANYMPI_PLUGIN_ABI)),
        ("ANYMPI_PLUGIN_MAGIC", ANYMPI_PLUGIN_MAGIC.cast_signed()),
        ("ANYMPI_OK", ANYMPI_OK.into()),
        ("ANYMPI_ERROR_UNAVAILABLE", ANYMPI_ERROR_UNAVAILABLE.into()),
        ("ANYMPI_ERROR_VERSION", ANYMPI_ERROR_VERSION.into()),
        ("ANYMPI_ERROR_ARGUMENT", ANYMPI_ERROR_ARGUMENT.into()),
        ("ANYMPI_ERROR_MPI", ANYMPI_ERROR_MPI.into()),
        ("ANYMPI_ERROR_FAILED", ANYMPI_ERROR_FAILED.into()),
        ("ANYMPI_THREAD_SINGLE", ANYMPI_THREAD_SINGLE.into()),
        ("ANYMPI_THREAD_FUNNELED", ANYMPI_THREAD_FUNNELED.into()),
        ("ANYMPI_THREAD_SERIALIZED", ANYMPI_THREAD_SERIALIZED.into()),
        ("ANYMPI_THREAD_MULTIPLE", ANYMPI_THREAD_MULTIPLE.into()),
        ("ANYMPI_SOURCE_LIBRARY", ANYMPI_SOURCE_LIBRARY.into()),
        ("ANYMPI_SOURCE_PROCESS", ANYMPI_SOURCE_PROCESS.into()),
        ("ANYMPI_SOURCE_WRAPS", ANYMPI_SOURCE_WRAPS.into()),
        ("ANYMPI_SOURCE_OWN", ANYMPI_SOURCE_OWN.into()),
        ("ANYMPI_FAMILY_UNKNOWN", ANYMPI_FAMILY_UNKNOWN.into()),
        ("ANYMPI_FAMILY_OPENMPI", ANYMPI_FAMILY_OPENMPI.into()),
        ("ANYMPI_FAMILY_MPICH", ANYMPI_FAMILY_MPICH.into()),
        ("ANYMPI_FAMILY_STANDARD", ANYMPI_FAMILY_STANDARD.into()),
        ("ANYMPI_LOG_DEBUG", ANYMPI_LOG_DEBUG.into()),
        ("ANYMPI_LOG_INFO", ANYMPI_LOG_INFO.into()),
        ("ANYMPI_LOG_WARNING", ANYMPI_LOG_WARNING.into()),
        ("ANYMPI_LOG_ERROR", ANYMPI_LOG_ERROR.into()),
    ];
    let texts = [
        ("ANYMPI_PLUGIN_ENTRY", ANYMPI_PLUGIN_ENTRY),
        ("ANYMPI_HOST_LOG", ANYMPI_HOST_LOG),
        ("ANYMPI_PLUGIN_BACKEND", ANYMPI_PLUGIN_BACKEND),
        ("ANYMPI_PLUGIN_PROGRESS", ANYMPI_PLUGIN_PROGRESS),
        ("ANYMPI_PLUGIN_MAIN_LOOP", ANYMPI_PLUGIN_MAIN_LOOP),
        ("ANYMPI_PLUGIN_LAUNCHING", ANYMPI_PLUGIN_LAUNCHING),
        ("ANYMPI_PLUGIN_SHUTDOWN", ANYMPI_PLUGIN_SHUTDOWN),
        ("ANYMPI_PLUGIN_PYTHON", ANYMPI_PLUGIN_PYTHON),
    ];
    // Every name that the header defines with a value is in one of the lists.
    let skipped = ["ANYMPI_PLUGIN_H", "ANYMPI_PLUGIN_EXPORT"];
    for line in HEADER.lines().filter_map(|line| line.strip_prefix("#define ")) {
        let name = line.split_whitespace().next().unwrap();
        let known = numbers.iter().any(|known| known.0 == name) || texts.iter().any(|known| known.0 == name);
        assert!(known || skipped.contains(&name), "{name} is in the header and not in the mirror");
    }
    let mut program = "#include \"anympi_plugin.h\"\n#include <stdio.h>\nint main(void) {\n".to_owned();
    let mut mirror = String::new();
    for (name, value) in numbers {
        writeln!(program, "printf(\"{name} %lld\\n\", (long long){name});").unwrap();
        writeln!(mirror, "{name} {value}").unwrap();
    }
    for (name, value) in texts {
        writeln!(program, "printf(\"{name} %s\\n\", {name});").unwrap();
        writeln!(mirror, "{name} {}", value.to_str().unwrap()).unwrap();
    }
    program.push_str("return 0;\n}\n");
    let directory = tempfile::tempdir().unwrap();
    let (source, output) = (directory.path().join("constants.c"), directory.path().join("constants"));
    std::fs::write(&source, program).unwrap();
    compile("cc", &["-std=c99"], &source, &output);
    assert_eq!(String::from_utf8(Command::new(&output).output().unwrap().stdout).unwrap(), mirror);
}
