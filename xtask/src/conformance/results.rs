//! What became of each test of the suite: read from the notes of every rank, and put together.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::failure::{Doing, Failure, Outcome};

/// What became of one test. The order is from good to bad: of several ranks the worst counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It ran and was right.
    Passed,
    /// It was not run, for a reason that the suite gave.
    Skipped,
    /// It ran, and something was not as expected.
    Failed,
    /// It ran into an exception.
    Error,
    /// No rank came any further until the deadline.
    Hung,
    /// A process ended in it.
    Crashed,
}

impl Verdict {
    /// Whether it counts among the failures.
    pub fn is_bad(self) -> bool {
        self > Self::Skipped
    }

    /// As in the record.
    pub fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
            Self::Error => "error",
            Self::Hung => "hung",
            Self::Crashed => "crashed",
        }
    }
}

/// One test's end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// What became of it.
    pub verdict: Verdict,
    /// Why, in one line; empty when it passed.
    pub reason: String,
}

/// The suite on one library with one number of ranks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Results {
    /// What MPI_Get_library_version said.
    pub library: String,
    /// The files of MPI libraries that the first rank had loaded.
    pub files: Vec<PathBuf>,
    /// Every test that began, or was skipped before it began, by its id.
    pub tests: BTreeMap<String, End>,
}

impl Results {
    /// Adds a test; of two ends the worse one stays.
    pub fn add(&mut self, id: &str, end: End) {
        match self.tests.get_mut(id) {
            Some(known) if known.verdict >= end.verdict => {}
            Some(known) => *known = end,
            None => {
                self.tests.insert(id.into(), end);
            }
        }
    }
}

/// One line of a rank's notes.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Line {
    Start {
        ranks: usize,
        library: String,
        files: Vec<PathBuf>,
    },
    End {
        id: String,
        outcome: Verdict,
        reason: String,
    },
    Begin {
        begin: String,
    },
    /// How many tests there were is known from their own lines.
    Last {
        #[serde(rename = "end")]
        _end: usize,
    },
}

/// What one rank wrote.
#[derive(Debug, Default)]
pub struct Notes {
    started: Option<(usize, String, Vec<PathBuf>)>,
    ended: Vec<(String, End)>,
    /// The tests in the order in which they began, with those that never did where they were reported.
    order: Vec<String>,
    complete: bool,
}

impl Notes {
    /// Reads the notes of one rank; a rank that never came so far has none.
    pub fn read(path: &Path) -> Outcome<Self> {
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&text).map_err(|line| {
                Failure::new(format!("{}: `{line}` is no line of the suite's notes", path.display()))
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error).doing("read", path),
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut notes = Self::default();
        // A line without its end was being written when the process was ended.
        for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
            match serde_json::from_str(line).map_err(|_| line.trim().to_string())? {
                Line::Start { ranks, library, files } => notes.started = Some((ranks, library, files)),
                Line::Begin { begin } => notes.order.push(begin),
                Line::End { id, outcome, reason } => {
                    if notes.order.last() != Some(&id) {
                        notes.order.push(id.clone());
                    }
                    notes.ended.push((id, End { verdict: outcome, reason: in_one_line(&reason) }));
                }
                Line::Last { .. } => notes.complete = true,
            }
        }
        Ok(notes)
    }

    /// How many tests have ended.
    pub fn progress(&self) -> usize {
        self.ended.len()
    }

    /// Whether the rank did not come to its first test.
    pub fn is_empty(&self) -> bool {
        self.started.is_none() && self.order.is_empty()
    }

    /// The test that began last, whether or not it has ended.
    pub fn begun_last(&self) -> Option<&str> {
        self.order.last().map(String::as_str)
    }

    fn has_ended(&self, id: &str) -> bool {
        self.ended.iter().any(|(ended, _)| ended == id)
    }
}

/// Where a run stands that did not reach its end: the first test, in their order, that some rank did not finish.
fn stopped_in(ranks: &[Notes]) -> Option<&str> {
    let longest = ranks.iter().max_by_key(|notes| notes.order.len())?;
    longest.order.iter().find(|id| ranks.iter().any(|notes| !notes.has_ended(id))).map(String::as_str)
}

/// Adds one run of the suite to `results`. When it did not reach its end on every rank, `cut` says how the test that it
/// stopped in ended, and tests after that one, which some rank may have begun, do not count.
///
/// Returns the test that it stopped in, or nothing when every rank reached the end.
pub fn collect(results: &mut Results, ranks: &[Notes], cut: &End) -> Outcome<Option<String>> {
    for (rank, notes) in ranks.iter().enumerate() {
        let Some((size, library, files)) = &notes.started else { continue };
        if *size != ranks.len() {
            return Err(Failure::new(format!(
                "rank {rank} was in a world of {size}, not of {}: the launcher does not fit the library",
                ranks.len()
            )));
        }
        results.library.clone_from(library);
        results.files.clone_from(files);
    }
    let complete = ranks.iter().all(|notes| notes.complete);
    let stopped = if complete { None } else { stopped_in(ranks) };
    let uncertain: BTreeSet<&str> = match stopped {
        Some(stopped) => ranks
            .iter()
            .flat_map(|notes| notes.order.iter().map(String::as_str).skip_while(move |id| *id != stopped))
            .collect(),
        None => BTreeSet::new(),
    };
    for (id, end) in ranks.iter().flat_map(|notes| &notes.ended) {
        if !uncertain.contains(id.as_str()) {
            results.add(id, end.clone());
        }
    }
    if let Some(stopped) = stopped {
        results.add(stopped, cut.clone());
    }
    if !complete && stopped.is_none() {
        let begun = ranks.iter().map(Notes::progress).max().unwrap_or(0);
        let place = if begun == 0 { "before the first test" } else { "between two tests" };
        return Err(Failure::new(format!("the suite {} {place}", cut.verdict.name())));
    }
    Ok(stopped.map(str::to_string))
}

/// The last line of a traceback, which names the exception, or of whatever the reason is.
fn in_one_line(reason: &str) -> String {
    let last = reason.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
    last.chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: &str = "{\"ranks\": 2, \"library\": \"MPI\", \"files\": [\"/lib/libmpi.so\"]}\n";

    fn notes(lines: &[(&str, &str)], complete: bool) -> Notes {
        let mut text = START.to_string();
        for (id, outcome) in lines {
            text.push_str(&format!("{{\"begin\": \"{id}\"}}\n"));
            if !outcome.is_empty() {
                text.push_str(&format!(
                    "{{\"id\": \"{id}\", \"outcome\": \"{outcome}\", \"reason\": \"Traceback\\n  why\\n\", \"seconds\": 0.5}}\n"
                ));
            }
        }
        if complete {
            text.push_str("{\"end\": 2}\n");
        }
        Notes::parse(&text).unwrap()
    }

    fn crashed() -> End {
        End { verdict: Verdict::Crashed, reason: "exit status: 9".into() }
    }

    #[test]
    fn the_worst_rank_counts() {
        let ranks = [
            notes(&[("t.a", "passed"), ("t.b", "skipped"), ("t.c", "passed")], true),
            notes(&[("t.a", "failed"), ("t.b", "passed"), ("t.c", "passed")], true),
        ];
        let mut results = Results::default();
        assert_eq!(collect(&mut results, &ranks, &crashed()).unwrap(), None);
        assert_eq!(results.tests["t.a"], End { verdict: Verdict::Failed, reason: "why".into() });
        assert_eq!(results.tests["t.b"].verdict, Verdict::Skipped);
        assert_eq!(results.tests["t.c"].verdict, Verdict::Passed);
        assert_eq!((results.library.as_str(), results.files.len()), ("MPI", 1));
    }

    #[test]
    fn a_run_that_stopped_names_the_first_test_that_a_rank_did_not_finish() {
        let ranks = [
            notes(&[("t.a", "passed"), ("t.b", "error"), ("t.c", "")], false),
            notes(&[("t.a", "passed"), ("t.b", "")], false),
        ];
        let mut results = Results::default();
        assert_eq!(collect(&mut results, &ranks, &crashed()).unwrap().as_deref(), Some("t.b"));
        assert_eq!(results.tests["t.a"].verdict, Verdict::Passed);
        assert_eq!(results.tests["t.b"], crashed());
        assert!(!results.tests.contains_key("t.c"), "{results:?}");
        assert_eq!(ranks[0].begun_last(), Some("t.c"));
    }

    #[test]
    fn a_rank_that_ended_before_its_first_test_is_not_a_result() {
        let mut results = Results::default();
        let ranks = [Notes::default(), Notes::default()];
        let error = collect(&mut results, &ranks, &crashed()).unwrap_err().to_string();
        assert_eq!(error, "the suite crashed before the first test");
    }

    #[test]
    fn worlds_of_one_are_refused() {
        let mut results = Results::default();
        let error = collect(&mut results, &[notes(&[], true)], &crashed()).unwrap_err().to_string();
        assert!(error.contains("a world of 2, not of 1"), "{error}");
    }

    #[test]
    fn a_class_that_was_skipped_as_a_whole_is_a_result_without_a_beginning() {
        let text = format!(
            "{START}{{\"id\": \"setUpClass (t.A)\", \"outcome\": \"skipped\", \"reason\": \"no\", \"seconds\": 0}}\n{{\"end\": 0}}\n"
        );
        let notes = [Notes::parse(&text).unwrap(), Notes::parse(&text).unwrap()];
        let mut results = Results::default();
        assert_eq!(collect(&mut results, &notes, &crashed()).unwrap(), None);
        assert_eq!(results.tests["setUpClass (t.A)"].verdict, Verdict::Skipped);
    }

    #[test]
    fn half_a_line_is_ignored_and_a_wrong_one_is_not() {
        assert!(Notes::parse(&format!("{START}{{\"begin\": \"t")).unwrap().order.is_empty());
        assert_eq!(Notes::parse("what\n").unwrap_err(), "what");
    }
}
