//! What one library is. Only the library itself knows its version, and loading runs its initialisers; so each library is
//! asked in a process of its own: a process has one library of a family, and one that crashes takes nobody with it.

use std::process::{Command, ExitCode, Stdio};

use anympi::{Candidate, SearchPaths, Selection, Visibility};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::options::Describe;
use crate::output::{collect, print};

/// The answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Description {
    /// Vendor, version and file in one line.
    pub summary: String,
    /// `MPI_Get_library_version`, whole.
    pub version: String,
    /// The library's own version.
    pub release: Option<(u32, u32, u32)>,
    /// The version of the standard that it claims.
    pub standard: (i32, i32),
    /// How each function is done, in the order of [`anympi::FUNCTIONS`].
    pub functions: Vec<String>,
    /// Those, for readers that have no such list.
    pub names: Vec<String>,
}

impl Description {
    /// The version as `a.b.c`, or nothing where the library does not say it.
    pub fn release(&self) -> String {
        self.release.map_or_else(String::new, |(a, b, c)| format!("{a}.{b}.{c}"))
    }

    /// The version of the standard as `a.b`.
    pub fn standard(&self) -> String {
        format!("{}.{}", self.standard.0, self.standard.1)
    }

    /// How many functions are done in that way.
    pub fn count(&self, support: anympi::Support) -> usize {
        let word = support.to_string();
        self.functions.iter().filter(|known| **known == word).count()
    }
}

/// `anympi describe`: asks the library here.
pub fn describe(arguments: &Describe) -> Result<ExitCode, Failure> {
    let selection: Selection = arguments.library.parse()?;
    let registry = anympi::registry();
    let candidate = registry
        .choose(&selection, &SearchPaths::from_environment(), None)?
        .ok_or(Failure::NoMpi { doing: "be described" })?;
    let mpi = registry.open(&candidate, Visibility::Local)?;
    let info = mpi.info();
    let support = anympi::support(&candidate.image, mpi.table())
        .map_err(|source| Failure::Inspect { path: candidate.image.path.clone(), source })?;
    let description = Description {
        summary: info.summary(),
        version: info.version.clone(),
        release: info.release,
        standard: info.standard,
        functions: support.iter().map(ToString::to_string).collect(),
        names: anympi::FUNCTIONS.iter().map(ToString::to_string).collect(),
    };
    print(&serde_json::json!(description).to_string());
    Ok(ExitCode::SUCCESS)
}

/// Asks the library of a candidate in another process. The error says why it cannot be used.
pub fn ask(candidate: &Candidate) -> Result<Description, String> {
    let this =
        std::env::current_exe().map_err(|error| format!("this program cannot find itself: {error}"))?;
    let mut command = Command::new(this);
    command.arg("describe").arg(candidate.selection()).stdin(Stdio::null());
    let (status, answer, said) = collect(&mut command)?;
    if !status.success() {
        let said = said.trim();
        let reason = said.strip_prefix("anympi: ").unwrap_or(said);
        let path = format!("{} ", candidate.image.path.display());
        let reason = reason.strip_prefix(&path).unwrap_or(reason);
        return Err(if reason.is_empty() {
            format!("cannot be loaded ({status})")
        } else {
            reason.to_owned()
        });
    }
    serde_json::from_str(&answer).map_err(|error| format!("gives no description: {error}"))
}
