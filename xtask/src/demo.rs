//! The demo: on each MPI that needs no root, a cluster of four engines does the main job in the stock client.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use comfy_table::{Cell, CellAlignment, Table, presets};
use serde::Deserialize;

use crate::build;
use crate::failure::{Doing, Failure, Outcome};
use crate::mpis::{Mpi, short_version, single_spaced};
use crate::processes::{Interrupt, Run};
use crate::setup::{self, Purpose};
use crate::workspace::Workspace;

/// How many engines each cluster has.
const ENGINES: usize = 4;

/// The sum of 0, 1, ... 15.
const SUM: f64 = 120.0;

/// How long the main job may take on one MPI.
const LIMIT: Duration = Duration::from_secs(300);

/// How long processes may take to be gone after `ipcluster` has ended.
const GONE: Duration = Duration::from_secs(20);

/// Runs the demo and prints its table; an error names the MPIs with a wrong figure.
pub fn run(workspace: &Workspace) -> Outcome<()> {
    let description = setup::set_up(workspace, Purpose::Run)?;
    build::programs(workspace)?;
    let interrupt = Interrupt::catch()?;
    let mut rows = Vec::new();
    for mpi in description.mpis.iter().filter(|mpi| mpi.prefix.is_some()) {
        eprintln!("{}: four engines, {}", mpi.name, mpi.library.display());
        let outcome = main_job(workspace, mpi, &interrupt);
        interrupt.check()?;
        if let Err(failure) = &outcome {
            eprintln!("{}: {failure}", mpi.name);
        }
        rows.push((mpi.name.clone(), outcome));
    }
    println!("{}", table(&rows));
    let wrong: Vec<&str> =
        rows.iter().filter(|(_, outcome)| outcome.is_err()).map(|(name, _)| name.as_str()).collect();
    match (rows.is_empty(), wrong.is_empty()) {
        (true, _) => Err(Failure::new("no MPI is installed below .anympi/")),
        (false, true) => Ok(()),
        (false, false) => Err(Failure::new(format!("wrong on {}: see above", wrong.join(", ")))),
    }
}

/// What the client saw, as written by `main_job.py`.
#[derive(Debug, Deserialize)]
struct Seen {
    ids: Vec<i64>,
    sums: Vec<f64>,
    worlds: Vec<World>,
    seconds_to_engines: f64,
}

/// What one engine told, in the order of the engines' ids.
#[derive(Debug, Deserialize)]
struct World {
    rank: i64,
    size: i64,
    version: String,
    libraries: Vec<PathBuf>,
}

/// One row of the table.
#[derive(Debug)]
struct Row {
    seen: Seen,
    seconds: f64,
}

fn main_job(workspace: &Workspace, mpi: &Mpi, interrupt: &Interrupt) -> Outcome<Row> {
    let run = Run::new(interrupt)?;
    let log = |program: &str| workspace.logs().join(format!("demo-{}-{program}.log", mpi.name));
    let started = Instant::now();
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();

    let mut cluster = run.start(
        workspace
            .program("ipcluster")
            .args(["mpirun", "-n", &ENGINES.to_string()])
            .arg(format!("--mpi={}:{}", mpi.backend, mpi.library.display()))
            .envs(&mpi.environment),
        &log("ipcluster"),
    )?;
    let result = run.directory().join("seen.json");
    let mut client = run.start(
        Command::new(workspace.python())
            .arg(workspace.asset("main_job.py"))
            .args(["--engines", &ENGINES.to_string(), "--started", &since_1970.to_string()])
            .arg("--psum")
            .arg(workspace.root.join("examples/psum.py"))
            .arg("--result")
            .arg(&result),
        &log("client"),
    )?;
    let done = client.finish(&mut cluster, LIMIT);
    drop(client);
    let stopped = cluster.interrupt_and_wait();
    let left = run.leftovers(GONE);
    done?;
    stopped?;
    if !left.is_empty() {
        return Err(Failure::new(format!("left running after Ctrl-C, ended by force: {}", left.join("; "))));
    }
    let seconds = started.elapsed().as_secs_f64();
    let text = std::fs::read_to_string(&result).doing("read", &result)?;
    let seen: Seen = serde_json::from_str(&text).doing("read", &result)?;
    check(&seen, mpi)?;
    Ok(Row { seen, seconds })
}

/// Every figure that must be right, named when it is wrong.
fn check(seen: &Seen, mpi: &Mpi) -> Outcome<()> {
    let count = ENGINES as i64;
    let ids: Vec<i64> = (0..count).collect();
    let ranks: Vec<i64> = seen.worlds.iter().map(|world| world.rank).collect();
    let sizes: Vec<i64> = seen.worlds.iter().map(|world| world.size).collect();
    let wrong = |what: &str, is: &dyn std::fmt::Debug, should: &dyn std::fmt::Debug| {
        Err(Failure::new(format!("{what} are {is:?}, not {should:?}")))
    };
    if seen.ids != ids {
        return wrong("the engines' ids", &seen.ids, &ids);
    }
    if ranks != ids {
        return wrong("the ranks of engines 0, 1, 2, 3", &ranks, &ids);
    }
    if sizes != [count; ENGINES] {
        return wrong("the sizes of MPI_COMM_WORLD", &sizes, &[count; ENGINES]);
    }
    if seen.sums != [SUM; ENGINES] {
        return wrong("the sums", &seen.sums, &[SUM; ENGINES]);
    }
    let library = mpi.library.canonicalize().doing("find", &mpi.library)?;
    for world in &seen.worlds {
        if !single_spaced(&world.version).starts_with(&mpi.announces) {
            return Err(Failure::new(format!(
                "the library says `{}`, not `{}`",
                world.version, mpi.announces
            )));
        }
        if !world.libraries.iter().any(|file| is_same(file, &library)) {
            return wrong("the MPI libraries of an engine", &world.libraries, &library);
        }
    }
    Ok(())
}

fn is_same(file: &Path, library: &Path) -> bool {
    file.canonicalize().is_ok_and(|file| file == library)
}

fn table(rows: &[(String, Outcome<Row>)]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header([
        "MPI",
        "library version",
        "ranks",
        "of",
        "sum on each engine",
        "to 4 engines",
        "in all",
    ]);
    for (name, outcome) in rows {
        let Ok(Row { seen, seconds }) = outcome else {
            table.add_row([name.as_str(), "failed: see above"]);
            continue;
        };
        let list = |values: Vec<String>| values.join(" ");
        let right = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
        table.add_row([
            Cell::new(name),
            Cell::new(seen.worlds.first().map(|world| short_version(&world.version)).unwrap_or_default()),
            Cell::new(list(seen.worlds.iter().map(|world| world.rank.to_string()).collect())),
            Cell::new(list(seen.worlds.iter().map(|world| world.size.to_string()).collect())),
            Cell::new(list(seen.sums.iter().map(|sum| format!("{sum:.1}")).collect())),
            right(format!("{:.2} s", seen.seconds_to_engines)),
            right(format!("{seconds:.2} s")),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mpi(library: &Path) -> Mpi {
        Mpi {
            name: "mpich5".into(),
            backend: "mpich".into(),
            version: None,
            prefix: None,
            library: library.into(),
            abi_library: None,
            launcher: "mpiexec".into(),
            launcher_arguments: Vec::new(),
            environment: [].into(),
            announces: "MPICH Version: 5.".into(),
        }
    }

    fn right(library: &Path) -> Seen {
        let world = |rank| World {
            rank,
            size: 4,
            version: "MPICH Version:      5.0.2\nMPICH ABI".into(),
            libraries: vec![library.into()],
        };
        Seen {
            ids: vec![0, 1, 2, 3],
            sums: vec![120.0; 4],
            worlds: (0..4).map(world).collect(),
            seconds_to_engines: 1.0,
        }
    }

    #[test]
    fn right_figures_pass_and_each_wrong_one_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let other = tempfile::NamedTempFile::new().unwrap();
        let mpi = mpi(file.path());
        check(&right(file.path()), &mpi).unwrap();

        let wrong = |change: &dyn Fn(&mut Seen)| {
            let mut seen = right(file.path());
            change(&mut seen);
            check(&seen, &mpi).unwrap_err().to_string()
        };
        assert!(wrong(&|seen| seen.ids[3] = 4).contains("the engines' ids"));
        assert!(wrong(&|seen| seen.worlds.swap(0, 1)).contains("the ranks"));
        assert!(
            wrong(&|seen| seen.worlds[2].size = 1).contains("the sizes of MPI_COMM_WORLD are [4, 4, 1, 4]")
        );
        assert!(wrong(&|seen| seen.sums[0] = 6.0).contains("the sums"));
        assert!(wrong(&|seen| seen.sums.truncate(3)).contains("the sums"));
        assert!(wrong(&|seen| seen.worlds[1].version = "MPICH Version:\t4.0.2".into()).contains("4.0.2"));
        assert!(
            wrong(&|seen| seen.worlds[1].libraries = vec![other.path().into()]).contains("the MPI libraries")
        );
    }

    #[test]
    fn a_failed_row_stays_in_the_table() {
        let rows = [
            ("intel".to_string(), Err(Failure::new("no"))),
            ("mpich5".into(), Ok(Row { seen: right(Path::new("/")), seconds: 2.0 })),
        ];
        let text = table(&rows).to_string();
        assert!(text.contains("intel") && text.contains("failed"), "{text}");
        assert!(
            text.contains("120.0 120.0 120.0 120.0") && text.contains("0 1 2 3") && text.contains("4 4 4 4"),
            "{text}"
        );
    }
}
