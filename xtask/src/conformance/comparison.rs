//! Ours beside native: what goes wrong in one and not in the other.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::record::is_of;
use super::results::{Results, Verdict};

/// A test that cannot do as natively.
pub struct Expected {
    /// The test.
    pub id: &'static str,
    /// The libraries on which that is so.
    libraries: &'static [&'static str],
    /// From how many ranks on.
    pub ranks: usize,
    /// Why.
    pub reason: &'static str,
}

/// All of them. One that passes where it is listed fails the run too.
const EXPECTED: [Expected; 3] = [
    Expected {
        id: "test_ulfm.TestULFMSelf.testRevoke",
        libraries: &["openmpi5"],
        ranks: 1,
        reason: NO_REVOKE,
    },
    Expected {
        id: "test_ulfm.TestULFMWorld.testRevoke",
        libraries: &["openmpi5"],
        ranks: 1,
        reason: NO_REVOKE,
    },
    Expected {
        id: "test_ulfm.TestULFMInter.testRevoke",
        libraries: &["openmpi5"],
        ranks: 2,
        reason: NO_REVOKE,
    },
];

const NO_REVOKE: &str = "It is skipped: MPI-5.0 has no MPI_Comm_revoke, so no build for the standard ABI calls one. mpi4py's \
                         wheel calls MPIX_Comm_revoke of Open MPI.";

/// The tests that cannot do as natively on a library with that many ranks.
pub fn expected(library: &str, ranks: usize) -> impl Iterator<Item = &'static Expected> {
    EXPECTED.iter().filter(move |entry| ranks >= entry.ranks && entry.libraries.contains(&library))
}

/// Every expected failure that is none any more.
fn unexpected(library: &str, ranks: usize, ours: &Results) -> Vec<Beyond> {
    let passed = |id: &str| ours.tests.get(id).is_some_and(|end| end.verdict == Verdict::Passed);
    expected(library, ranks)
        .filter(|entry| passed(entry.id))
        .map(|entry| Beyond {
            id: entry.id.into(),
            native: None,
            ours: Some(Verdict::Passed),
            reason: "it is in the list of expected failures, and passes".into(),
        })
        .collect()
}

/// How many tests ran, were left out and went wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// Tests that were not skipped, whatever became of them.
    pub run: usize,
    /// Tests that the suite left out.
    pub skipped: usize,
    /// Tests that failed, had an error, hung or crashed.
    pub failed: usize,
}

impl Figures {
    /// Counts.
    pub fn of(verdicts: impl Iterator<Item = Verdict>) -> Self {
        let mut figures = Self::default();
        for verdict in verdicts {
            match verdict {
                Verdict::Skipped => figures.skipped += 1,
                _ => figures.run += 1,
            }
            figures.failed += usize::from(verdict.is_bad());
        }
        figures
    }
}

/// A test that does worse through our library than natively.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Beyond {
    /// The test.
    pub id: String,
    /// What became of it natively; nothing when the suite had no such test.
    pub native: Option<Verdict>,
    /// What became of it through our library; nothing when it did not come to it.
    pub ours: Option<Verdict>,
    /// Why.
    pub reason: String,
}

/// Every test that does worse. A test that goes wrong natively is not compared, one that is expected to do worse may.
pub fn beyond(
    library: &str,
    ranks: usize,
    native: &BTreeMap<String, Verdict>,
    ours: &Results,
    filter: Option<&str>,
) -> Vec<Beyond> {
    let excused: Vec<&str> = expected(library, ranks).map(|entry| entry.id).collect();
    let worse = |id: &str| {
        let native = native.get(id).copied();
        let end = ours.tests.get(id);
        let verdict = end.map(|end| end.verdict);
        let is_worse = match native {
            Some(Verdict::Passed) => verdict != Some(Verdict::Passed),
            Some(Verdict::Skipped) | None => verdict.is_some_and(Verdict::is_bad),
            Some(_) => false,
        };
        is_worse.then(|| Beyond {
            id: id.into(),
            native,
            ours: verdict,
            reason: end.map_or_else(|| "it did not come to this test".into(), |end| end.reason.clone()),
        })
    };
    let known = native.keys().filter(|id| is_of(id, filter));
    let new = ours.tests.keys().filter(|id| !native.contains_key(*id));
    let mut beyond: Vec<Beyond> =
        known.chain(new).filter(|id| !excused.contains(&id.as_str())).filter_map(|id| worse(id)).collect();
    beyond.extend(unexpected(library, ranks, ours));
    beyond
}

#[cfg(test)]
mod tests {
    use super::super::results::End;
    use super::*;
    use Verdict::{Crashed, Error, Failed, Hung, Passed, Skipped};

    fn worse(native: Option<Verdict>, ours: Option<Verdict>) -> bool {
        let native = native.map(|verdict| ("t.a".to_string(), verdict)).into_iter().collect();
        let mut results = Results::default();
        if let Some(verdict) = ours {
            results.add("t.a", End { verdict, reason: String::new() });
        }
        let beyond = beyond("openmpi5", 1, &native, &results, None);
        assert!(beyond.len() <= 1);
        beyond.len() == 1
    }

    #[test]
    fn what_passes_natively_must_pass() {
        assert!(!worse(Some(Passed), Some(Passed)));
        for ours in [None, Some(Skipped), Some(Failed), Some(Error), Some(Hung), Some(Crashed)] {
            assert!(worse(Some(Passed), ours), "{ours:?}");
        }
    }

    #[test]
    fn what_is_skipped_or_absent_natively_may_run_but_not_go_wrong() {
        for native in [None, Some(Skipped)] {
            assert!(!worse(native, Some(Passed)) && !worse(native, Some(Skipped)) && !worse(native, None));
            assert!(worse(native, Some(Error)) && worse(native, Some(Crashed)));
        }
    }

    #[test]
    fn what_goes_wrong_natively_is_not_compared() {
        for ours in [None, Some(Passed), Some(Skipped), Some(Error), Some(Hung)] {
            assert!(!worse(Some(Failed), ours), "{ours:?}");
        }
    }

    #[test]
    fn an_expected_failure_may_fail_and_must_not_pass() {
        let ours = |id: &str, verdict| {
            let mut results = Results::default();
            results.add(id, End { verdict, reason: String::new() });
            results
        };
        for Expected { id, libraries, ranks, .. } in &EXPECTED {
            let native = [((*id).to_string(), Passed)].into();
            let worse =
                |library, ranks, verdict| beyond(library, ranks, &native, &ours(id, verdict), None).len();
            assert_eq!(worse(libraries[0], *ranks, Failed), 0);
            assert_eq!(worse(libraries[0], *ranks, Passed), 1);
            assert_eq!(worse(libraries[0], ranks - 1, Failed), 1);
            assert_eq!(worse("mpich5", *ranks, Failed), 1);
            assert_eq!(worse("mpich5", *ranks, Passed), 0);
        }
    }

    #[test]
    fn figures_count_each_test_once() {
        let figures = Figures::of([Passed, Skipped, Error, Crashed].into_iter());
        assert_eq!(figures, Figures { run: 3, skipped: 1, failed: 2 });
    }
}
