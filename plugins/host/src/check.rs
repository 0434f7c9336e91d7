//! The numbered rules of docs/PLUGIN-ABI.md that can be tried without a launcher, for authors of plugins.

use std::path::Path;

use anympi_core::Visibility;
use anympi_plugin_api::*;
use serde::{Deserialize, Serialize};

use crate::error::{Fault, PluginError};
use crate::isolation::isolated;
use crate::loaded::Loaded;
use crate::memory::text_in;
use crate::offer::{Source, c_text, offer};
use crate::{file, launching, variables};

/// What was found out about one rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The number of the rule.
    pub rule: u32,
    /// The rule in a few words.
    pub title: String,
    /// The reason, where it is broken.
    pub broken: Option<String>,
}

/// Every rule: its number and its words, as docs/PLUGIN-ABI.md has them.
pub const RULES: &[(u32, &str)] = &[
    (1, "the file is a shared library for this machine"),
    (2, "it exports anympi_plugin_entry"),
    (3, "only its owner may write it and the directories above"),
    (4, "it loads, with every symbol resolved"),
    (5, "the entry returns a structure to a host of version 1"),
    (6, "the structure has the magic number, the version and the size of version 1"),
    (7, "name, release and description are texts; the name can be typed"),
    (8, "it has the part anympi.backend/1 with a probe"),
    (9, "each call of the entry returns the same structure"),
    (10, "to a newer host it speaks its own version"),
    (11, "to an older host it refuses with ANYMPI_ERROR_VERSION, a reason and its oldest version"),
    (12, "for a part that it does not know it returns null"),
    (13, "each part that it has is complete"),
    (14, "probe returns in time, or says why it cannot bring anything"),
    (15, "probe makes an offer that makes sense"),
    (16, "probe does not call MPI"),
    (17, "probe leaves environment, working directory and threads as they are"),
    (18, "nothing of it writes to standard output before MPI is up"),
    (19, "two probes make the same offer"),
    (20, "for a function that MPI does not have, symbol returns null"),
    (21, "what symbol returns are functions"),
    (22, "prepare for the launcher returns in time"),
    (30, "bring_up brings MPI up: MPI_Initialized says so"),
    (31, "the thread level granted is one of the four"),
    (32, "rank and size of MPI_COMM_WORLD make sense"),
    (33, "the ranks that one launcher starts are one world"),
    (34, "the world can communicate"),
    (35, "take_down takes MPI down, and only once"),
];

/// The first rule that needs a launcher.
pub const FIRST_UNDER_LAUNCHER: u32 = 30;

/// The words of a rule.
#[must_use]
pub fn title(rule: u32) -> &'static str {
    RULES.iter().find(|(number, _)| *number == rule).map_or("", |(_, title)| title)
}

/// The rule that a fault breaks.
#[must_use]
pub fn rule_of(fault: &Fault) -> u32 {
    match fault {
        Fault::Unreadable(_) | Fault::NotShared(_) | Fault::WrongMachine(_) => 1,
        Fault::NoEntry => 2,
        Fault::Writable(_) | Fault::Privileged(_) => 3,
        Fault::Load(_) => 4,
        Fault::TooNew { .. } | Fault::TooOld { .. } | Fault::Nothing => 5,
        Fault::Magic(_) => 6,
        Fault::Truncated { what, .. } | Fault::Pointer { what, .. } if what.starts_with("the structure") => 6,
        Fault::Name(_) | Fault::Text(_) | Fault::OtherName { .. } => 7,
        Fault::Pointer { what, .. } if matches!(&**what, "name" | "release" | "description") => 7,
        Fault::Pointer { what, .. } if what.starts_with("its MPI_") => 21,
        Fault::Truncated { .. } | Fault::Pointer { .. } | Fault::Lacks(_) => 8,
        Fault::CalledMpi(_) => 16,
        Fault::Crashed { doing, .. }
        | Fault::Exited { doing, .. }
        | Fault::TimeOut { doing, .. }
        | Fault::Threw { doing } => match &**doing {
            "its initialisers" => 4,
            "anympi_plugin_entry" => 5,
            "extension" => 12,
            "prepare" => 22,
            "symbol" => 21,
            _ => 14,
        },
        Fault::Failed { doing, .. } if doing == "anympi_plugin_entry" => 5,
        Fault::Failed { doing, .. } if doing == "prepare" => 22,
        Fault::NotSo { said } if said == "up" => 30,
        Fault::NotSo { .. } => 35,
        Fault::Nonsense(text) if text.contains("thread level") => 31,
        Fault::Nonsense(_) => 32,
        _ => 15,
    }
}

/// Tries the rules up to [`FIRST_UNDER_LAUNCHER`] on a file, each in a process of its own where code of the plugin runs.
///
/// # Errors
/// The first fault that leaves nothing more to try, with the verdicts before it.
pub fn check(path: &Path, argument: &str) -> Result<Vec<Verdict>, (Vec<Verdict>, PluginError)> {
    let mut verdicts = Vec::new();
    let passed = |verdicts: &mut Vec<Verdict>, rules: std::ops::RangeInclusive<u32>| {
        verdicts.extend(rules.map(|rule| Verdict { rule, title: title(rule).to_owned(), broken: None }));
    };
    let stop = |mut verdicts: Vec<Verdict>, fault: Fault| {
        let rule = rule_of(&fault);
        verdicts.retain(|verdict| verdict.rule != rule);
        verdicts.push(Verdict { rule, title: title(rule).to_owned(), broken: Some(fault.to_string()) });
        Err((verdicts, PluginError::new(path, fault)))
    };
    if let Err(error) = file::inspect(path) {
        return stop(verdicts, error.fault);
    }
    passed(&mut verdicts, 1..=2);
    if let Err(error) = file::check_rights(path, file::is_privileged()) {
        return stop(verdicts, error.fault);
    }
    passed(&mut verdicts, 3..=3);
    let limit = variables::timeout();
    let entry = isolated(limit, || entry_rules(&Loaded::load(path, Visibility::Local)?));
    let mut noise = String::new();
    match entry.and_then(|tried| {
        noise.push_str(&tried.stdout);
        tried.result
    }) {
        Err(fault) => return stop(verdicts, fault),
        Ok(found) => {
            passed(&mut verdicts, 4..=8);
            verdicts.extend(found);
        }
    }
    let probed = isolated(limit, || -> Result<Vec<Verdict>, Fault> {
        let loaded = Loaded::load(path, Visibility::Local)?;
        probe_rules(&loaded, argument)
    });
    match probed.and_then(|tried| {
        noise.push_str(&tried.stdout);
        tried.result
    }) {
        // A plugin that says why it cannot be used here keeps the rules; there is nothing more to try.
        Err(fault) => return stop(verdicts, fault),
        Ok(found) => verdicts.extend(found),
    }
    let prepared = isolated(limit, || -> Result<(), Fault> {
        let loaded = Loaded::load(path, Visibility::Local)?;
        launching::additions(&loaded, argument, Path::new("/usr/bin/mpiexec"), "other", 2).map(|_| ())
    });
    let prepared = prepared.and_then(|tried| tried.result).err();
    verdicts.push(verdict(22, prepared.map(|fault| fault.to_string())));
    let noise = noise.trim();
    verdicts.push(verdict(18, (!noise.is_empty()).then(|| format!("it wrote: {noise}"))));
    verdicts.sort_by_key(|verdict| verdict.rule);
    Ok(verdicts)
}

/// A verdict with the rule's own words.
#[must_use]
pub fn verdict(rule: u32, broken: Option<String>) -> Verdict {
    Verdict { rule, title: title(rule).to_owned(), broken }
}

/// What the entry does when it is asked in other ways, and what parts there are.
fn entry_rules(loaded: &Loaded) -> Result<Vec<Verdict>, Fault> {
    let mut verdicts = Vec::new();
    let (again, version, _) = loaded.enter_as(ANYMPI_PLUGIN_ABI)?;
    let broken = (again != loaded.address() || version != ANYMPI_PLUGIN_ABI)
        .then(|| format!("first {:#x}, then {again:#x}", loaded.address()));
    verdicts.push(verdict(9, broken));
    let (newer, version, _) = loaded.enter_as(NEWER)?;
    let broken = if newer == 0 {
        Some(format!("it refuses a host of version {NEWER}, which speaks the older versions too"))
    } else {
        (version > NEWER || version == 0).then(|| format!("it speaks version {version}"))
    };
    let broken = broken.or_else(|| (version == NEWER).then(|| "it left the version as it was".to_owned()));
    verdicts.push(verdict(10, broken));
    let (older, version, error) = loaded.enter_as(0)?;
    let broken = if older != 0 {
        Some("it accepts a host of version 0, which there is not".to_owned())
    } else if error.code != ANYMPI_ERROR_VERSION {
        Some(format!("the code is {}", error.code))
    } else if !text_in(&error.message, "").is_ok_and(|text| !text.trim().is_empty()) {
        Some("it gives no reason".to_owned())
    } else {
        (version == 0).then(|| "it left the version as it was".to_owned())
    };
    verdicts.push(verdict(11, broken));
    let unknown = loaded.part::<anympi_python>(c"org.example.nothing/1");
    verdicts.push(verdict(
        12,
        (!matches!(unknown, Ok(None))).then(|| "it has a part org.example.nothing/1".to_owned()),
    ));
    let broken = crate::hooks::PluginHooks::of(loaded).err().map(|fault| fault.to_string());
    verdicts.push(verdict(13, broken));
    Ok(verdicts)
}

/// A version that no host has.
const NEWER: u32 = 1000;

fn surroundings() -> (Vec<(std::ffi::OsString, std::ffi::OsString)>, Option<std::path::PathBuf>, usize) {
    let threads = std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count);
    (std::env::vars_os().collect(), std::env::current_dir().ok(), threads)
}

/// What probe does.
fn probe_rules(loaded: &Loaded, argument: &str) -> Result<Vec<Verdict>, Fault> {
    let before = surroundings();
    let first = offer(loaded, argument)?;
    let after = surroundings();
    let broken = if before.0 != after.0 {
        Some("the environment changed")
    } else if before.1 != after.1 {
        Some("the working directory changed")
    } else {
        (before.2 != after.2).then_some("the number of threads changed")
    };
    let mut verdicts = vec![verdict(14, None), verdict(15, None), verdict(16, None)];
    verdicts.push(verdict(17, broken.map(str::to_owned)));
    let second = offer(loaded, argument);
    verdicts.push(verdict(19, (second.as_ref() != Ok(&first)).then(|| format!("the second: {second:?}"))));
    // Functions of one's own can be asked for before open; whether they are right shows when they are called.
    if loaded.backend.symbol.is_some() {
        let unknown = loaded.own_function(&c_text("MPI_No_such_function"))?;
        verdicts.push(verdict(20, (!unknown.is_null()).then(|| "it has MPI_No_such_function".to_owned())));
        let memory = crate::memory::Memory::now();
        let broken = anympi_core::FUNCTIONS.iter().find_map(|name| {
            let checked = loaded.own_function(&c_text(name)).and_then(|function| {
                if function.is_null() {
                    Ok(())
                } else {
                    memory.function(function.addr(), &format!("its {name}"))
                }
            });
            checked.err()
        });
        verdicts.push(verdict(21, broken.map(|fault| fault.to_string())));
    }
    if let Source::Library(library) = &first.source
        && let Err(error) = anympi_core::inspect(library)
    {
        return Err(Fault::Offer(format!("{} {error}", library.display())));
    }
    Ok(verdicts)
}
