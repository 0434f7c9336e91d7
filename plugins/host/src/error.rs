//! Why a plugin cannot be used.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// A plugin that cannot be used, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("the plugin {} {fault}", .path.display())]
pub struct PluginError {
    /// The plugin, or the manifest that names it.
    pub path: PathBuf,
    /// What is wrong.
    pub fault: Fault,
}

impl PluginError {
    pub(crate) fn new(path: &Path, fault: Fault) -> Self {
        Self { path: path.to_owned(), fault }
    }
}

/// What is wrong with a plugin. Each has a number, which is the exit code of programs that have nothing else to say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Fault {
    /// 10: the file cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// 11: it is no ELF file, or a damaged one.
    #[error("is no shared library: {0}")]
    NotShared(String),
    /// 12: it was built for another machine.
    #[error("is a shared library for another machine ({0})")]
    WrongMachine(String),
    /// 13: it does not export the entry.
    #[error("exports no anympi_plugin_entry")]
    NoEntry,
    /// 14: others may change it.
    #[error("is not loaded: everybody may write {}; take that right away with chmod o-w", .0.display())]
    Writable(PathBuf),
    /// 15: the program has more rights than its user.
    #[error("is not loaded: this program runs with more rights than its user, and {0}")]
    Privileged(String),
    /// 16: its manifest is wrong.
    #[error("has a manifest that cannot be used: {0}")]
    Manifest(String),
    /// 17: two plugins have one name.
    #[error("and {} have the same name, `{name}`; remove one", .other.display())]
    Duplicate {
        /// The name.
        name: String,
        /// The other plugin.
        other: PathBuf,
    },
    /// 18: its name is not the one that it was found by.
    #[error("was found as `{asked}`, but calls itself `{found}`")]
    OtherName {
        /// The name of the file or in the manifest.
        asked: String,
        /// The plugin's own.
        found: String,
    },
    /// 20: the dynamic linker refused it.
    #[error("cannot be loaded: {0}")]
    Load(String),
    /// 21: it speaks only versions that are too new.
    #[error("needs version {needs} of the plugin interface; this program speaks {speaks}: update anympi")]
    TooNew {
        /// The oldest version that the plugin speaks.
        needs: u32,
        /// The newest version of the host.
        speaks: u32,
    },
    /// 22: it speaks only versions that are too old.
    #[error("speaks version {speaks} of the plugin interface; this program needs {needs}: update the plugin")]
    TooOld {
        /// What the plugin speaks.
        speaks: u32,
        /// What the host needs.
        needs: u32,
    },
    /// 23: the entry returned nothing.
    #[error("returned no structure from its entry and gave no reason")]
    Nothing,
    /// 24: not the magic number.
    #[error("returned a structure with the wrong magic number {0:#x}: it was built for something else")]
    Magic(u64),
    /// 25: a structure that is too small.
    #[error("gave {what} with a size of {size} bytes; version 1 has {least}")]
    Truncated {
        /// The structure.
        what: String,
        /// Its size field.
        size: u32,
        /// What it must have.
        least: usize,
    },
    /// 26: a pointer that points nowhere.
    #[error("gave {what} as {address:#x}, which {why}")]
    Pointer {
        /// What was pointed to.
        what: String,
        /// The value.
        address: usize,
        /// What is wrong with it.
        why: String,
    },
    /// 27: a text that is none.
    #[error("gave {0} that is not UTF-8 or does not end")]
    Text(String),
    /// 28: a name that nobody could type.
    #[error("calls itself `{0}`; a name is a lower-case letter and at most 63 of a-z, 0-9, _ and -")]
    Name(String),
    /// 29: something that a plugin must have.
    #[error("lacks {0}")]
    Lacks(String),
    /// 30: a function reported failure.
    #[error("failed in {doing}: {message}")]
    Failed {
        /// The function.
        doing: String,
        /// What it returned.
        code: i32,
        /// Its reason.
        message: String,
    },
    /// 31: an offer that makes no sense.
    #[error("made an offer that makes no sense: {0}")]
    Offer(String),
    /// 32: it brought down the process that it was tried in.
    #[error("ended in {doing} with signal {signal}{}", quoted(.said))]
    Crashed {
        /// The function.
        doing: String,
        /// The signal's name.
        signal: String,
        /// What it printed.
        said: String,
    },
    /// 33: it ended the process that it was tried in.
    #[error("called exit({status}) in {doing}{}", quoted(.said))]
    Exited {
        /// The function.
        doing: String,
        /// The status.
        status: i32,
        /// What it printed.
        said: String,
    },
    /// 34: it took too long.
    #[error("did not return from {doing} within {seconds} s{}", quoted(.said))]
    TimeOut {
        /// The function.
        doing: String,
        /// The limit.
        seconds: u64,
        /// What it printed.
        said: String,
    },
    /// 35: it called MPI where it may not.
    #[error("called MPI in {0}, where it may not")]
    CalledMpi(String),
    /// 36: MPI is not up after it was brought up, or up after it was taken down.
    #[error("said that MPI is {said}, but MPI_Initialized and MPI_Finalized say that it is not")]
    NotSo {
        /// `up` or `down`.
        said: String,
    },
    /// 37: values that MPI cannot have.
    #[error("brought up an MPI that cannot be: {0}")]
    Nonsense(String),
    /// 38: the MPI that it wraps or names cannot be had.
    #[error("wants an MPI that cannot be had: {0}")]
    Beneath(String),
    /// 39: the process cannot be made in which it is tried.
    #[error("cannot be tried in a process of its own: {0}")]
    System(String),
    /// 40: an exception left a function.
    #[error("let an exception out of {doing}, which no function may")]
    Threw {
        /// The function.
        doing: String,
    },
}

fn quoted(text: &str) -> String {
    let text = text.trim();
    if text.is_empty() { String::new() } else { format!("; it said: {text}") }
}

impl Fault {
    /// The number of the fault; documented, and stable.
    #[must_use]
    pub fn number(&self) -> u8 {
        match self {
            Self::Unreadable(_) => 10,
            Self::NotShared(_) => 11,
            Self::WrongMachine(_) => 12,
            Self::NoEntry => 13,
            Self::Writable(_) => 14,
            Self::Privileged(_) => 15,
            Self::Manifest(_) => 16,
            Self::Duplicate { .. } => 17,
            Self::OtherName { .. } => 18,
            Self::Load(_) => 20,
            Self::TooNew { .. } => 21,
            Self::TooOld { .. } => 22,
            Self::Nothing => 23,
            Self::Magic(_) => 24,
            Self::Truncated { .. } => 25,
            Self::Pointer { .. } => 26,
            Self::Text(_) => 27,
            Self::Name(_) => 28,
            Self::Lacks(_) => 29,
            Self::Failed { .. } => 30,
            Self::Offer(_) => 31,
            Self::Crashed { .. } => 32,
            Self::Exited { .. } => 33,
            Self::TimeOut { .. } => 34,
            Self::CalledMpi(_) => 35,
            Self::NotSo { .. } => 36,
            Self::Nonsense(_) => 37,
            Self::Beneath(_) => 38,
            Self::System(_) => 39,
            Self::Threw { .. } => 40,
        }
    }
}
