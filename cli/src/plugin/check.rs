//! `anympi plugin check`: every rule, kept or broken, with the reason.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use anympi::launch::{Launch, launcher_of};
use anympi::plugins::check::{Verdict, verdict};
use anympi::plugins::{PluginError, check as rules, probe, search};
use anympi::{Candidate, SearchPaths, Selection};
use serde_json::json;

use super::rank::{MARK, Seen};
use crate::failure::Failure;
use crate::options::PluginCheck;
use crate::output::print;

/// How long the ranks may take.
const PATIENCE: Duration = Duration::from_secs(90);

/// The exit code for a broken rule that no fault stands for.
const BROKEN: u8 = 1;

/// Runs the subcommand.
pub fn check(arguments: &PluginCheck) -> Result<ExitCode, Failure> {
    let (file, argument) = file_of(&arguments.plugin)?;
    let (mut verdicts, fault) = match rules::check(&file, &argument) {
        Ok(verdicts) => (verdicts, None),
        Err((verdicts, error)) => (verdicts, Some(error.fault)),
    };
    let kept = fault.is_none() && verdicts.iter().all(|verdict| verdict.broken.is_none());
    let mut note = None;
    if kept && arguments.ranks > 0 {
        match launched(&file, &argument, arguments.ranks) {
            Ok(more) => verdicts.extend(more),
            Err(error) => note = Some(error.to_string()),
        }
    }
    let broken = verdicts.iter().filter(|verdict| verdict.broken.is_some()).count();
    if arguments.json {
        let fault =
            fault.as_ref().map(|fault| json!({ "number": fault.number(), "text": fault.to_string() }));
        let report = json!({ "plugin": file, "rules": verdicts, "broken": broken, "fault": fault, "not_launched": note });
        print(&format!("{report:#}\n"));
    } else {
        print(&as_text(&verdicts, broken, note.as_deref()));
    }
    Ok(match fault {
        Some(fault) => ExitCode::from(fault.number()),
        None if broken > 0 || note.is_some() => ExitCode::from(BROKEN),
        None => ExitCode::SUCCESS,
    })
}

fn as_text(verdicts: &[Verdict], broken: usize, note: Option<&str>) -> String {
    let mut text = String::new();
    for verdict in verdicts {
        let word = if verdict.broken.is_some() { "BROKEN" } else { "kept" };
        text.push_str(&format!("{:>3}  {word:6}  {}\n", verdict.rule, verdict.title));
        if let Some(reason) = &verdict.broken {
            text.push_str(&format!("             it {reason}\n"));
        }
    }
    if let Some(note) = note {
        text.push_str(&format!(
            "the rules from {} on could not be tried: {note}\n",
            rules::FIRST_UNDER_LAUNCHER
        ));
    }
    text.push_str(&format!("{} rules kept, {broken} broken\n", verdicts.len() - broken));
    text
}

/// The file and the text for it, from a path or a name.
fn file_of(plugin: &str) -> Result<(PathBuf, String), Failure> {
    let (name, argument) = match plugin.match_indices(':').find(|(at, _)| Path::new(&plugin[..*at]).is_file())
    {
        Some((at, _)) => (&plugin[..at], &plugin[at + 1..]),
        None if plugin.contains('/') || Path::new(plugin).is_file() => (plugin, ""),
        None => plugin.split_once(':').unwrap_or((plugin, "")),
    };
    if name.contains('/') || Path::new(name).is_file() {
        let path = std::path::absolute(name).unwrap_or_else(|_| name.into());
        return Ok((path, argument.to_owned()));
    }
    match search::by_name(name)? {
        Some(found) => {
            let argument = if argument.is_empty() { found.argument } else { argument.to_owned() };
            Ok((found.library, argument))
        }
        None => Err(Failure::NoPlugin { name: name.to_owned() }),
    }
}

/// The rules that need MPI, tried by ranks under the launcher of the library beneath.
fn launched(file: &Path, argument: &str, ranks: u32) -> Result<Vec<Verdict>, Failure> {
    let value = if argument.is_empty() {
        file.display().to_string()
    } else {
        format!("{}:{argument}", file.display())
    };
    let selection: Selection = value.parse()?;
    let candidate = anympi::registry().choose(&selection, &SearchPaths::from_environment(), None)?;
    let candidate: Candidate = candidate.ok_or(Failure::NoMpi { doing: "be checked" })?;
    let this = std::env::current_exe().map_err(|source| Failure::Run { program: "anympi".into(), source })?;
    // A plugin without a library needs no launcher to be a world of one.
    let alone = ranks == 1 && candidate.plugin.as_ref().is_some_and(|it| it.path == candidate.image.path);
    let mut command = if alone {
        Command::new(&this)
    } else {
        let launcher = launcher_of(&candidate.image)?;
        let launch = Launch::of(ranks);
        let mut command = Command::new(&launcher.path);
        command.args(launcher.arguments(&launch)).arg(&this);
        let environment: Vec<(String, String)> = std::env::vars().collect();
        let pairs = environment.iter().map(|(name, value)| (&**name, &**value));
        for change in launcher.changes(&launch, pairs) {
            change.apply(&mut command);
        }
        command
    };
    command.args(["plugin", "rank", &candidate.selection(), "--ranks", &ranks.to_string()]);
    let (success, said) = run(&mut command)?;
    let seen: Vec<Seen> =
        said.lines().filter_map(|line| serde_json::from_str(line.split_once(MARK)?.1).ok()).collect();
    let first = |field: fn(&Seen) -> &Option<String>| seen.iter().find_map(|rank| field(rank).clone());
    let all = seen.len() == ranks as usize;
    let missing = (!all).then(|| {
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        format!("only {} of {ranks} ranks came to the end; they said: {said}", seen.len())
    });
    if let Some(up) = first(|rank| &rank.up).or(missing) {
        let rule = [31, 32].into_iter().find(|rule| match rule {
            31 => up.contains("thread level"),
            _ => up.contains("in MPI_COMM_WORLD"),
        });
        return Ok(vec![verdict(rule.unwrap_or(30), Some(up))]);
    }
    let mut numbers: Vec<u32> = seen.iter().map(|rank| rank.rank).collect();
    numbers.sort_unstable();
    let one_world = seen.iter().all(|rank| rank.size == ranks) && numbers.iter().copied().eq(0..ranks);
    let world = (!one_world).then(|| {
        let pairs: Vec<String> = seen.iter().map(|rank| format!("{} of {}", rank.rank, rank.size)).collect();
        format!("{ranks} processes are rank {}", pairs.join(", "))
    });
    let down =
        first(|rank| &rank.down).or_else(|| (!success).then(|| "a rank ended with an error".to_owned()));
    Ok(vec![
        verdict(30, None),
        verdict(31, None),
        verdict(32, None),
        verdict(33, world),
        verdict(34, first(|rank| &rank.barrier)),
        verdict(35, down),
    ])
}

/// Runs a command for a limited time; whether it succeeded, and all that it said.
fn run(command: &mut Command) -> Result<(bool, String), Failure> {
    let program = PathBuf::from(command.get_program());
    let fail = |source| Failure::Run { program: program.clone(), source };
    let output = tempfile::tempfile().map_err(fail)?;
    let both = output.try_clone().map_err(fail)?;
    let reader = output.try_clone().map_err(fail)?;
    let mut child = command.stdin(Stdio::null()).stdout(output).stderr(both).spawn().map_err(fail)?;
    let end = std::time::Instant::now() + PATIENCE;
    let mut success = false;
    loop {
        match child.try_wait().map_err(fail)? {
            Some(status) => {
                success = status.success();
                break;
            }
            None if std::time::Instant::now() < end => std::thread::sleep(Duration::from_millis(5)),
            None => {
                child.kill().map_err(fail)?;
                child.wait().map_err(fail)?;
                break;
            }
        }
    }
    let mut said = Vec::new();
    let mut reader = reader;
    std::io::Seek::rewind(&mut reader).map_err(fail)?;
    std::io::Read::read_to_end(&mut reader, &mut said).map_err(fail)?;
    Ok((success, String::from_utf8_lossy(&said).into_owned()))
}

/// A plugin of the search path, for `anympi list`.
pub struct Listed {
    /// The name for `--mpi`.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// What it says of itself, or why it cannot be used.
    pub says: Result<String, PluginError>,
}

/// Every plugin of the search path, each asked in a process of its own.
pub fn found() -> Vec<Listed> {
    let all = search::all().into_iter();
    all.map(|(name, found)| match found {
        Ok(found) => {
            let says = probe(&found.library, &found.argument).map(|offer| {
                let note = if offer.note.is_empty() { String::new() } else { format!("; {}", offer.note) };
                format!("{} {}: {}{note}", offer.name, offer.release, offer.description)
            });
            Listed { name, path: found.library, says }
        }
        Err(error) => Listed { name, path: error.path.clone(), says: Err(error) },
    })
    .collect()
}
