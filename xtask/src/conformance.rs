//! Test suites of others, through `libmpi_abi.so.1` and natively, on every library: ours must do as well.
//!
//! What a suite does natively is kept in a committed record, so that usually only our side runs. See `docs/conformance.md`.

mod comparison;
mod library;
mod record;
mod report;
mod results;
mod suite;
mod unsteady;

use std::collections::VecDeque;
use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::build;
use crate::failure::{Failure, Outcome};
use crate::mpis::{short_version, single_spaced};
use crate::processes::Interrupt;
use crate::requirements;
use crate::setup::{self, Purpose};
use crate::workspace::Workspace;

use comparison::{Figures, beyond};
use library::{Library, Way};
use record::{Ours, Record};
use report::Row;
use results::Results;
use suite::Job;

/// The numbers of ranks that the page is to show.
const RANKS: [usize; 3] = [1, 2, 3];

/// The numbers of ranks that `cargo xtask test` runs.
const CHECKED: [usize; 2] = [1, 2];

/// Which suite.
#[derive(clap::Subcommand)]
pub enum Suite {
    /// mpi4py's own test suite, with mpi4py built once for the standard ABI
    Mpi4py(Options),
}

/// What runs.
#[derive(clap::Args)]
pub struct Options {
    /// Only these libraries, such as mpich5 or, for the one with the standard ABI, mpich5-abi
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    mpi: Vec<String>,
    /// With these numbers of ranks
    #[arg(long, value_delimiter = ',', default_values_t = RANKS)]
    ranks: Vec<usize>,
    /// Run natively instead, and renew the record that ours is compared with
    #[arg(long, conflicts_with = "json")]
    native: bool,
    /// Print JSON with every test that does worse
    #[arg(long)]
    json: bool,
    /// Only modules of the suite with this in their name, such as test_rma
    #[arg(value_parser = module_name)]
    filter: Option<String>,
}

/// The suite takes a regular expression; a name needs none.
fn module_name(text: &str) -> Result<String, String> {
    if !text.is_empty() && text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_') {
        Ok(text.into())
    } else {
        Err("a part of the name of a module, made of letters, digits and _".into())
    }
}

/// Runs, prints and, without a filter, writes the figures down and the page anew.
pub fn run(workspace: &Workspace, suite: &Suite) -> Outcome<()> {
    let Suite::Mpi4py(options) = suite;
    let description = setup::set_up(workspace, Purpose::Conformance)?;
    let all = library::of(&description.mpis);
    let libraries = chosen(&all, &options.mpi)?;
    let interrupt = Interrupt::catch()?;
    let version = requirements::of("mpi4py")?.version;
    let filter = options.filter.as_deref();

    if options.native {
        return renew(workspace, &interrupt, &libraries, options, version);
    }
    build::abi(workspace)?;
    let record = Record::read(workspace, version)?;
    let ours = run_all(workspace, &interrupt, &libraries, &options.ranks, Way::Ours, filter)?;
    let rows: Vec<Row> = ours.into_iter().map(|(job, outcome)| compare(&record, &job, outcome)).collect();
    if filter.is_none() {
        let mut record = Record::read(workspace, version)?;
        for row in rows.iter().filter(|row| row.failure.is_none()) {
            if let Some(figures) = row.ours {
                record.take_ours(&row.name, row.ranks, Ours { figures, worse: row.beyond.len() });
            }
        }
        record.write(workspace)?;
        report::write_page(workspace, &record)?;
    }
    if options.json {
        let json = serde_json::to_string_pretty(&rows)
            .map_err(|error| Failure::new(format!("cannot write the rows as JSON: {error}")))?;
        println!("{json}");
    } else {
        println!("{}", report::text(&rows));
    }
    good(&rows)
}

/// Runs natively and writes down what was seen.
fn renew(
    workspace: &Workspace,
    interrupt: &Interrupt,
    libraries: &[&Library],
    options: &Options,
    mpi4py: &str,
) -> Outcome<()> {
    let filter = options.filter.as_deref();
    let mut failures = Vec::new();
    for ranks in &options.ranks {
        let ended = run_all(workspace, interrupt, libraries, &[*ranks], Way::Native, filter)?;
        // Read now: another task may have renewed another part meanwhile.
        let mut record = Record::read(workspace, mpi4py)?;
        for (job, outcome) in ended {
            match outcome {
                Ok(results) => record.take(&job.library.name, job.ranks, &results, filter),
                Err(failure) => failures.push(format!("{}: {failure}", job.title())),
            }
        }
        // Now rather than at the end: these runs are long, and each number of ranks stands for itself.
        record.write(workspace)?;
        report::write_page(workspace, &record)?;
    }
    if failures.is_empty() { Ok(()) } else { Err(Failure::new(failures.join("\n"))) }
}

/// What every change must pass: our side alone, on every library.
pub fn check(workspace: &Workspace) -> Outcome<()> {
    let description = setup::set_up(workspace, Purpose::Conformance)?;
    let all = library::of(&description.mpis);
    let libraries: Vec<&Library> = all.iter().collect();
    let interrupt = Interrupt::catch()?;
    let record = Record::read(workspace, requirements::of("mpi4py")?.version)?;
    let ours = run_all(workspace, &interrupt, &libraries, &CHECKED, Way::Ours, None)?;
    let rows: Vec<Row> = ours.into_iter().map(|(job, outcome)| compare(&record, &job, outcome)).collect();
    eprintln!("{}", report::text(&rows));
    good(&rows)
}

fn chosen<'a>(all: &'a [Library], names: &[String]) -> Outcome<Vec<&'a Library>> {
    for name in names {
        if !all.iter().any(|library| library.name == *name) {
            let known: Vec<&str> = all.iter().map(|library| library.name.as_str()).collect();
            return Err(Failure::new(format!(
                "no library `{name}` is installed; there are {}",
                known.join(", ")
            )));
        }
    }
    Ok(all.iter().filter(|library| names.is_empty() || names.contains(&library.name)).collect())
}

fn good(rows: &[Row]) -> Outcome<()> {
    let bad: Vec<String> = rows
        .iter()
        .filter(|row| !row.is_good())
        .map(|row| format!("{} with {} ranks", row.name, row.ranks))
        .collect();
    if bad.is_empty() {
        Ok(())
    } else {
        Err(Failure::new(format!("mpi4py's suite does worse than natively on {}: see above", bad.join(", "))))
    }
}

/// Ours beside the record.
fn compare(record: &Record, job: &Job, outcome: Outcome<Results>) -> Row {
    let (name, ranks) = (job.library.name.clone(), job.ranks);
    let verdicts = record.verdicts(&name, ranks);
    let native = verdicts.as_ref().map(|verdicts| {
        let of_filter = verdicts.iter().filter(|(id, _)| record::is_of(id, job.filter));
        Figures::of(of_filter.map(|(_, verdict)| *verdict))
    });
    let mut row = Row {
        library: record.run(&name, ranks).map(|run| run.library.clone()).unwrap_or_default(),
        name,
        ranks,
        native,
        ours: None,
        beyond: Vec::new(),
        failure: None,
    };
    let results = match outcome {
        Ok(results) => results,
        Err(failure) => {
            row.failure = Some(failure.to_string());
            return row;
        }
    };
    let library = short_version(&results.library);
    row.ours = Some(Figures::of(results.tests.values().map(|end| end.verdict)));
    if !single_spaced(&results.library).starts_with(&job.library.mpi.announces) {
        row.failure = Some(format!("the library calls itself {library}"));
    } else if let Some(verdicts) = verdicts.filter(|_| row.library == library) {
        row.beyond = beyond(&row.name, ranks, &verdicts, &results, job.filter);
    } else {
        let known = if row.library.is_empty() { "nothing" } else { &row.library };
        row.failure = Some(format!(
            "this is {library}, the record is of {known}; `cargo xtask conformance mpi4py --native --mpi {}` renews it",
            row.name
        ));
        row.library = library;
    }
    row
}

/// Runs the suite on every library with each number of ranks, side by side as far as there are cores for the ranks.
fn run_all<'a>(
    workspace: &Workspace,
    interrupt: &Interrupt,
    libraries: &[&'a Library],
    ranks: &[usize],
    way: Way,
    filter: Option<&'a str>,
) -> Outcome<Vec<(Job<'a>, Outcome<Results>)>> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let board = MultiProgress::new();
    let mut done = Vec::new();
    for &ranks in ranks {
        let jobs = libraries.iter().map(|library| Job { library, ranks, way, filter });
        let left: Mutex<VecDeque<(usize, Job)>> = Mutex::new(jobs.enumerate().collect());
        let ended = Mutex::new(Vec::new());
        // A function, so that the lock is free again before the job begins.
        let next = || lock(&left).pop_front();
        std::thread::scope(|scope| {
            for _ in 0..(cores / ranks).max(1) {
                scope.spawn(|| {
                    while let Some((place, job)) = next() {
                        let outcome = watched(workspace, interrupt, &board, &job);
                        lock(&ended).push((place, job, outcome));
                    }
                });
            }
        });
        let mut ended = ended.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        ended.sort_by_key(|(place, _, _)| *place);
        done.extend(ended.into_iter().map(|(_, job, outcome)| (job, outcome)));
        interrupt.check()?;
    }
    Ok(done)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// One run with its progress: a line that moves on a terminal, elsewhere a line for its beginning and its end.
fn watched(
    workspace: &Workspace,
    interrupt: &Interrupt,
    board: &MultiProgress,
    job: &Job,
) -> Outcome<Results> {
    let title = job.title();
    let bar = std::io::stderr().is_terminal().then(|| {
        let bar = board.add(ProgressBar::new_spinner());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg} {elapsed}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        bar
    });
    let started = Instant::now();
    if bar.is_none() {
        eprintln!("{title} ... (log: {})", job.log(workspace, 0).display());
    }
    let outcome = job.run(workspace, interrupt, |ended| {
        if let Some(bar) = &bar {
            bar.set_message(format!("{title}: {ended} tests"));
        }
    });
    let seconds = started.elapsed().as_secs();
    let end = match &outcome {
        Ok(results) => {
            let Figures { run, skipped, failed } = Figures::of(results.tests.values().map(|end| end.verdict));
            format!("{title}: {run} run, {skipped} skipped, {failed} failed in {seconds} s")
        }
        Err(_) => format!("{title}: no result after {seconds} s"),
    };
    match bar {
        Some(bar) => bar.finish_with_message(end),
        None => eprintln!("{end}"),
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_a_name_and_no_expression() {
        assert_eq!(module_name("test_rma").as_deref(), Ok("test_rma"));
        module_name("test.*").unwrap_err();
        module_name("").unwrap_err();
    }

    #[test]
    fn the_committed_record_is_of_the_pinned_mpi4py_and_has_every_library() {
        let workspace = Workspace::find().unwrap();
        let version = requirements::of("mpi4py").unwrap().version;
        let record = Record::read(&workspace, version).unwrap();
        let names: Vec<&str> = record.runs.keys().map(String::as_str).collect();
        assert_eq!(names, ["intel", "intel-abi", "mpich4", "mpich5", "mpich5-abi", "openmpi4", "openmpi5"]);
        for (name, runs) in &record.runs {
            for ranks in CHECKED {
                assert!(runs.contains_key(&ranks), "{name} has no record with {ranks} ranks");
            }
        }
    }

    #[test]
    fn the_page_is_the_one_of_the_record() {
        let workspace = Workspace::find().unwrap();
        let record = Record::read(&workspace, requirements::of("mpi4py").unwrap().version).unwrap();
        let page = std::fs::read_to_string(report::page_path(&workspace)).unwrap();
        assert_eq!(
            page,
            report::page(&record),
            "`cargo xtask conformance mpi4py` writes docs/conformance.md anew"
        );
    }
}
