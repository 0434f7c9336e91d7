//! The record of what the suite does natively on each library: a generated file that is committed, so that only our side
//! has to run to be compared with it. It has the figures of our side too, from which the page is made.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::failure::{Doing, Failure, Outcome};
use crate::mpis::short_version;
use crate::workspace::Workspace;

use super::comparison::Figures;
use super::results::{Results, Verdict};

/// What the file says about itself.
const GENERATED: &str = "by `cargo xtask conformance mpi4py --native`; not to be edited";

/// The file.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Record {
    generated: String,
    /// The version of mpi4py whose suite it was.
    pub mpi4py: String,
    /// By the name of the library and the number of ranks.
    pub runs: BTreeMap<String, BTreeMap<usize, Run>>,
    /// What our side showed when it last ran on all of the suite, by the same names.
    #[serde(default)]
    pub ours: BTreeMap<String, BTreeMap<usize, Ours>>,
    /// Every test that some run had. A run had all of them but those that it lists.
    tests: BTreeSet<String>,
}

/// The suite on one library with one number of ranks.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Run {
    /// The library's name and version.
    pub library: String,
    /// Skipped tests.
    skipped: BTreeSet<String>,
    /// Tests of other runs that this one did not have.
    absent: BTreeSet<String>,
    /// What became of the tests that went wrong, and why, in one line.
    pub wrong: BTreeMap<String, (Verdict, String)>,
}

/// The suite through our library, for the page.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Ours {
    /// Its figures.
    pub figures: Figures,
    /// How many tests do worse than natively.
    pub worse: usize,
}

impl Run {
    /// What became of a test; nothing when this run did not have it.
    fn verdict(&self, id: &str) -> Option<Verdict> {
        if self.absent.contains(id) {
            None
        } else if self.skipped.contains(id) {
            Some(Verdict::Skipped)
        } else {
            Some(self.wrong.get(id).map_or(Verdict::Passed, |(verdict, _)| *verdict))
        }
    }
}

impl Record {
    /// A record of nothing.
    pub fn new(mpi4py: &str) -> Self {
        Self {
            generated: GENERATED.into(),
            mpi4py: mpi4py.into(),
            runs: BTreeMap::new(),
            ours: BTreeMap::new(),
            tests: BTreeSet::new(),
        }
    }

    /// The committed one. For another version of mpi4py than this one there is none.
    pub fn read(workspace: &Workspace, mpi4py: &str) -> Outcome<Self> {
        let path = path(workspace);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::new(mpi4py)),
            Err(error) => return Err(error).doing("read", &path),
        };
        let record: Self = serde_json::from_str(&text).doing("read", &path)?;
        Ok(if record.mpi4py == mpi4py { record } else { Self::new(mpi4py) })
    }

    /// Writes it, in one step.
    pub fn write(&self, workspace: &Workspace) -> Outcome<()> {
        let path = path(workspace);
        let mut text = serde_json::to_string_pretty(self)
            .map_err(|error| Failure::new(format!("cannot write the record as JSON: {error}")))?;
        text.push('\n');
        let beside = path.with_extension("json.new");
        std::fs::write(&beside, text).doing("write", &beside)?;
        std::fs::rename(&beside, &path).doing("write", &path)
    }

    /// Takes what a native run showed. With a filter it takes the place of the filtered tests alone.
    pub fn take(&mut self, library: &str, ranks: usize, results: &Results, filter: Option<&str>) {
        let mut verdicts: BTreeMap<String, (Verdict, String)> = BTreeMap::new();
        if filter.is_some() {
            for (id, verdict) in self.verdicts(library, ranks).unwrap_or_default() {
                if !is_of(&id, filter) {
                    let reason = self.reason(library, ranks, &id);
                    verdicts.insert(id, (verdict, reason));
                }
            }
        }
        for (id, end) in &results.tests {
            verdicts.insert(id.clone(), (end.verdict, end.reason.clone()));
        }
        // A test that is new to the record is one that all other runs did not have.
        for id in verdicts.keys() {
            if self.tests.insert(id.clone()) {
                for run in self.runs.values_mut().flat_map(BTreeMap::values_mut) {
                    run.absent.insert(id.clone());
                }
            }
        }
        let mut run = Run {
            library: short_version(&results.library),
            skipped: BTreeSet::new(),
            absent: self.tests.iter().filter(|id| !verdicts.contains_key(*id)).cloned().collect(),
            wrong: BTreeMap::new(),
        };
        for (id, (verdict, reason)) in verdicts {
            match verdict {
                Verdict::Passed => {}
                Verdict::Skipped => drop(run.skipped.insert(id)),
                _ => drop(run.wrong.insert(id, (verdict, reason))),
            }
        }
        self.runs.entry(library.into()).or_default().insert(ranks, run);
    }

    /// Takes what our side showed.
    pub fn take_ours(&mut self, library: &str, ranks: usize, ours: Ours) {
        self.ours.entry(library.into()).or_default().insert(ranks, ours);
    }

    fn reason(&self, library: &str, ranks: usize, id: &str) -> String {
        self.run(library, ranks)
            .and_then(|run| run.wrong.get(id))
            .map_or_else(String::new, |(_, why)| why.clone())
    }

    /// One run, or nothing when the record has none.
    pub fn run(&self, library: &str, ranks: usize) -> Option<&Run> {
        self.runs.get(library)?.get(&ranks)
    }

    /// What became of every test of one run.
    pub fn verdicts(&self, library: &str, ranks: usize) -> Option<BTreeMap<String, Verdict>> {
        let run = self.run(library, ranks)?;
        Some(self.tests.iter().filter_map(|id| Some((id.clone(), run.verdict(id)?))).collect())
    }
}

fn path(workspace: &Workspace) -> PathBuf {
    workspace.root.join("tests/conformance/mpi4py.json")
}

/// Whether a test is in a module whose name has `filter` in it.
pub fn is_of(id: &str, filter: Option<&str>) -> bool {
    let id = id.strip_prefix("unittest.loader._FailedTest.").unwrap_or(id);
    let id = id.split_once('(').map_or(id, |(_, class)| class);
    let module = id.split('.').next().unwrap_or(id);
    filter.is_none_or(|filter| module.contains(filter))
}

#[cfg(test)]
mod tests {
    use super::super::results::End;
    use super::*;

    fn results(tests: &[(&str, Verdict)]) -> Results {
        let mut results = Results { library: "Open MPI v5.0.11, package".into(), ..Results::default() };
        for (id, verdict) in tests {
            results.add(id, End { verdict: *verdict, reason: "why".into() });
        }
        results
    }

    #[test]
    fn a_record_gives_back_what_it_took() {
        let mut record = Record::new("4.1.2");
        let one = [("t.a", Verdict::Passed), ("t.b", Verdict::Skipped), ("t.c", Verdict::Crashed)];
        record.take("openmpi5", 1, &results(&one), None);
        record.take("openmpi5", 2, &results(&[("t.d", Verdict::Passed)]), None);
        let text = serde_json::to_string(&record).unwrap();
        let record: Record = serde_json::from_str(&text).unwrap();
        let expected = one.iter().map(|(id, verdict)| (id.to_string(), *verdict)).collect();
        assert_eq!(record.verdicts("openmpi5", 1), Some(expected));
        assert_eq!(record.verdicts("openmpi5", 2), Some([("t.d".to_string(), Verdict::Passed)].into()));
        assert_eq!(record.verdicts("openmpi5", 3), None);
        assert_eq!(record.run("openmpi5", 1).unwrap().library, "Open MPI 5.0.11");
    }

    #[test]
    fn a_filtered_run_renews_its_modules_alone() {
        let mut record = Record::new("4.1.2");
        let before = [
            ("test_a.A.x", Verdict::Failed),
            ("test_b.B.y", Verdict::Passed),
            ("test_b.B.z", Verdict::Error),
        ];
        record.take("intel", 1, &results(&before), None);
        record.take("intel", 1, &results(&[("test_b.B.y", Verdict::Skipped)]), Some("test_b"));
        let expected =
            [("test_a.A.x".to_string(), Verdict::Failed), ("test_b.B.y".to_string(), Verdict::Skipped)];
        assert_eq!(record.verdicts("intel", 1), Some(expected.into()));
        assert_eq!(record.run("intel", 1).unwrap().wrong["test_a.A.x"].1, "why");
    }

    #[test]
    fn a_filter_knows_the_module_of_every_kind_of_id() {
        assert!(is_of("test_op.TestOp.testCreate", Some("op")));
        assert!(!is_of("test_io.TestOp.testop", Some("op")));
        assert!(is_of("setUpClass (test_op.TestOp)", Some("op")));
        assert!(is_of("unittest.loader._FailedTest.test_session", Some("session")));
        assert!(is_of("anything", None));
    }
}
