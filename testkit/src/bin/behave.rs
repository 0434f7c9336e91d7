//! Runs the behaviours on one MPI: `mpirun -n 4 anympi-behave --mpi=openmpi --ranks=4`.

use std::process::ExitCode;

use anympi::abi::{MPI_ERRORS_RETURN, MPI_INT, MPI_SUM};
use anympi::{ProcessArguments, SearchPaths, Selection, State, ThreadLevel, Visibility};
use anympi_testkit::{ALL, Context, Outliving};
use clap::Parser;

/// Runs the behaviours that every MPI must show, under the launcher of the MPI chosen.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The MPI: a backend's name, a library's path, or both as NAME:PATH
    #[arg(long)]
    mpi: Selection,
    /// The number of ranks there must be; fewer or more is a failure
    #[arg(long)]
    ranks: u32,
    /// Instead of the behaviours: rank 0 ends the job with this exit code while the others wait
    #[arg(long, value_name = "CODE")]
    abort: Option<i32>,
    /// Only behaviours whose name contains this
    filter: Option<String>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("anympi-behave: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<bool, String> {
    let registry = anympi::registry();
    let search = SearchPaths::from_environment();
    let candidate = registry.choose(&arguments.mpi, &search, None).map_err(|error| error.to_string())?;
    let candidate = candidate.ok_or("--mpi=none has no behaviours")?;
    let mpi = registry.open(&candidate, Visibility::Local).map_err(|error| error.to_string())?;
    if mpi.state() != State::Untouched {
        return Err(format!("a library just loaded is {:?}", mpi.state()));
    }
    let granted = mpi
        .init(&mut ProcessArguments::of_this_process(), ThreadLevel::Multiple)
        .map_err(|error| error.to_string())?;
    let context = Context::of(&*mpi)?;
    if mpi.size() != Ok(arguments.ranks) {
        return Err(format!("the world has {} ranks, {} were expected", context.size, arguments.ranks));
    }
    if let Some(code) = arguments.abort {
        if context.rank == 0 {
            mpi.abort(code);
        }
        mpi.barrier().map_err(|error| error.to_string())?;
        return Err("the barrier was passed although rank 0 aborted".to_owned());
    }
    if context.rank == 0 {
        println!("{}, {granted}, {} ranks", mpi.info().summary(), context.size);
    }
    let failures = behave(&context, arguments.filter.as_deref())?;
    let outliving = Outliving::make(&context)?;
    mpi.finalize().map_err(|error| error.to_string())?;
    mpi.finalize().map_err(|error| format!("a second finalize: {error}"))?;
    if mpi.state() != State::Finalized {
        return Err(format!("a finalized library is {:?}", mpi.state()));
    }
    outliving.check(mpi.table())?;
    Ok(failures == 0)
}

/// Runs the list; the number of behaviours that failed on any rank.
fn behave(context: &Context<'_>, filter: Option<&str>) -> Result<usize, String> {
    // SAFETY: MPI is running.
    let code = unsafe { (context.table.MPI_Comm_set_errhandler)(context.world, MPI_ERRORS_RETURN) };
    context.check("MPI_Comm_set_errhandler", code)?;
    let chosen: Vec<_> =
        ALL.iter().filter(|behaviour| filter.is_none_or(|text| behaviour.name.contains(text))).collect();
    if chosen.is_empty() {
        return Err(format!("no behaviour is named like {}", filter.unwrap_or_default()));
    }
    let mut failures = 0;
    for behaviour in &chosen {
        let outcome = (behaviour.run)(context);
        if let Err(reason) = &outcome {
            eprintln!("{} failed on rank {}: {reason}", behaviour.name, context.rank);
        }
        let failed_here = i32::from(outcome.is_err());
        let mut failed = 0i32;
        // SAFETY: one int each.
        let code = unsafe {
            (context.table.MPI_Allreduce)(
                std::ptr::from_ref(&failed_here).cast_mut().cast(),
                std::ptr::from_mut(&mut failed).cast(),
                1,
                MPI_INT,
                MPI_SUM,
                context.world,
            )
        };
        context.check("MPI_Allreduce", code)?;
        failures += usize::from(failed != 0);
        if context.rank == 0 {
            println!("{} {}", behaviour.name, if failed == 0 { "ok" } else { "FAILED" });
        }
    }
    if context.rank == 0 {
        println!("{} passed, {failures} failed", chosen.len() - failures);
    }
    Ok(failures)
}
