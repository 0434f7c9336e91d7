//! `anympi cc` and `mpicc`: the C compiler, told where `mpi.h` and `libmpi_abi.so.1` are.
//!
//! The questions that build systems ask of MPICH's wrapper (`-show`, `-compile_info`, `-link_info`) and of Open MPI's
//! (`-showme`, `-showme:compile` and so on) are answered in their words.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::failure::Failure;
use crate::kit::Kit;
use crate::options::Cc;
use crate::output::print;
use crate::variables::{ANYMPI_CC, CC};

/// Arguments with which a compiler does not link.
const NO_LINKING: &[&str] = &["-c", "-E", "-S", "-M", "-MM", "-fsyntax-only"];

/// What is asked instead of compiling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Question {
    /// The command that would be run.
    Command,
    /// The compiler alone.
    Compiler,
    /// The arguments for compiling.
    Compile,
    /// The arguments for linking.
    Link,
    /// The directories of headers.
    IncludeDirectories,
    /// The directories of libraries.
    LibraryDirectories,
    /// The names of the libraries.
    Libraries,
    /// The directory with `bin`, `include` and `lib`.
    Prefix,
}

impl Question {
    /// The question that an argument is.
    fn of(argument: &OsStr) -> Option<Self> {
        let argument = argument.to_str()?;
        // Open MPI's has one hyphen or two.
        Some(match argument.strip_prefix('-')?.trim_start_matches('-') {
            "show" | "showme" => Self::Command,
            "showme:command" => Self::Compiler,
            "showme:compile" | "cflags" => Self::Compile,
            "showme:link" | "libs" => Self::Link,
            "showme:incdirs" => Self::IncludeDirectories,
            "showme:libdirs" => Self::LibraryDirectories,
            "showme:libs" => Self::Libraries,
            "compile_info" | "compile-info" | "link_info" | "link-info" => Self::Command,
            "prefix" => Self::Prefix,
            _ => return None,
        })
    }
}

/// Runs the compiler in place of this process, or answers a question.
pub fn cc(arguments: &Cc) -> Result<ExitCode, Failure> {
    let kit = Kit::find()?;
    let compiler = compiler()?;
    let question = arguments.arguments.iter().find_map(|argument| Question::of(argument));
    let given: Vec<&OsString> =
        arguments.arguments.iter().filter(|argument| Question::of(argument).is_none()).collect();
    let Some(question) = question else {
        if given.is_empty() {
            return Err(Failure::NothingToCompile);
        }
        let mut words = compiler.iter();
        let program = words.next().cloned().unwrap_or_default();
        let mut command = Command::new(&program);
        command.args(words).args(arguments_for(&kit, &given));
        return Err(Failure::Run { program: program.into(), source: command.exec() });
    };
    let line = |words: &[OsString]| words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ");
    let answer = match question {
        Question::Command => line(&[compiler, arguments_for(&kit, &given)].concat()),
        Question::Compiler => line(&compiler),
        Question::Compile => line(&compile(&kit)),
        Question::Link => line(&link(&kit)),
        Question::IncludeDirectories => line(&[kit.include().into()]),
        Question::LibraryDirectories => line(&[kit.library_directory().into()]),
        Question::Libraries => "mpi_abi".to_owned(),
        Question::Prefix => kit.prefix.display().to_string(),
    };
    print(&format!("{answer}\n"));
    Ok(ExitCode::SUCCESS)
}

/// The compiler with its own arguments.
fn compiler() -> Result<Vec<OsString>, Failure> {
    for (variable, may_be_this) in [(ANYMPI_CC, false), (CC, true)] {
        let Some(value) = std::env::var_os(variable).filter(|value| !value.is_empty()) else { continue };
        let words = value.to_str().and_then(anympi_launch::words).filter(|words| !words.is_empty());
        let Some(words) = words else {
            return Err(Failure::BadCompiler { variable, value: value.to_string_lossy().into_owned() });
        };
        // `CC=mpicc ./configure` leaves the variable in the environment of every compilation.
        if may_be_this && is_this_program(&words[0]) {
            continue;
        }
        return Ok(words.into_iter().map(OsString::from).collect());
    }
    Ok(vec!["cc".into()])
}

/// Whether a command leads to this very program.
fn is_this_program(command: &str) -> bool {
    let in_path = || {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).map(|directory| directory.join(command)).find(|path| path.is_file())
    };
    let found = if command.contains('/') { Some(PathBuf::from(command)) } else { in_path() };
    let this = std::env::current_exe().and_then(|this| this.canonicalize());
    match (found.and_then(|path| path.canonicalize().ok()), this) {
        (Some(found), Ok(this)) => found == this,
        _ => false,
    }
}

/// What the compiler gets. Without any file or library it is only asked something, such as `--version`.
fn arguments_for(kit: &Kit, given: &[&OsString]) -> Vec<OsString> {
    let is_option = |argument: &&OsString| argument.to_string_lossy().starts_with('-') && *argument != "-";
    let asked = !given.is_empty() && given.iter().all(is_option);
    let links =
        !given.iter().any(|argument| argument.to_str().is_some_and(|text| NO_LINKING.contains(&text)));
    let mut words: Vec<OsString> = given.iter().map(|argument| (*argument).clone()).collect();
    if !asked {
        words.extend(compile(kit));
        if links {
            words.extend(link(kit));
        }
    }
    words
}

fn compile(kit: &Kit) -> Vec<OsString> {
    vec![joined("-I", &kit.include())]
}

fn link(kit: &Kit) -> Vec<OsString> {
    let directory = kit.library_directory();
    vec![
        joined("-L", &directory),
        joined("-Wl,-rpath,", &directory),
        // What LD_LIBRARY_PATH says stays stronger than where the program was built.
        "-Wl,--enable-new-dtags".into(),
        "-lmpi_abi".into(),
    ]
}

fn joined(option: &str, path: &Path) -> OsString {
    let mut word = OsString::from(option);
    word.push(path);
    word
}

/// A word as a shell reads it.
fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |letter: char| letter.is_alphanumeric() || "-_./=:,+@%".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(given: &[&str]) -> Vec<String> {
        let kit = Kit { prefix: "/k".into() };
        let given: Vec<OsString> = given.iter().map(OsString::from).collect();
        let given: Vec<&OsString> = given.iter().collect();
        arguments_for(&kit, &given).iter().map(|word| word.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn only_linking_gets_the_library() {
        let all = ["-I/k/include", "-L/k/lib", "-Wl,-rpath,/k/lib", "-Wl,--enable-new-dtags", "-lmpi_abi"];
        assert_eq!(words(&[]), all);
        assert_eq!(words(&["a.c", "-o", "a"])[..3], ["a.c", "-o", "a"]);
        assert_eq!(words(&["a.c", "-o", "a"])[3..], all);
        assert_eq!(words(&["-c", "a.c"]), ["-c", "a.c", "-I/k/include"]);
        assert_eq!(words(&["--version"]), ["--version"]);
        assert_eq!(words(&["-E", "-"]), ["-E", "-", "-I/k/include"]);
    }

    #[test]
    fn questions_of_both_wrappers_are_understood() {
        let of = |text: &str| Question::of(OsStr::new(text));
        assert_eq!(of("-show"), Some(Question::Command));
        assert_eq!(of("--showme:compile"), Some(Question::Compile));
        assert_eq!(of("-showme:link"), Some(Question::Link));
        assert_eq!(of("--libs"), Some(Question::Link));
        for other in ["-shared", "show", "a.c", "-o"] {
            assert_eq!(of(other), None, "{other}");
        }
    }

    #[test]
    fn words_are_quoted_for_a_shell() {
        assert_eq!(quoted(OsStr::new("-I/a b/it's")), "'-I/a b/it'\\''s'");
        assert_eq!(quoted(OsStr::new("-lmpi_abi")), "-lmpi_abi");
    }
}
