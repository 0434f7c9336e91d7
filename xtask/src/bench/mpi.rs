//! `bench mpi`: what a call costs through `libmpi_abi.so.1`, beside the same call of the library itself.
//!
//! `benches/calls.c` is compiled once with the standard `mpi.h` and once with that of each library, and `benches/measure.c`
//! loads both into one process, where they call one and the same library turn by turn. What differs is the way of the call.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;
use serde_json::{Value, json};

use super::goals::{self, Goal};
use super::{instructions, plot};
use crate::build::cargo_step;
use crate::environment::Description;
use crate::failure::{Doing, Failure, Outcome};
use crate::mpis::Mpi;
use crate::setup::{self, Purpose};
use crate::step;
use crate::workspace::{Workspace, cargo};

/// How long one run of the measuring program may take, in seconds.
const LIMIT: &str = "600";

/// Over how many processes the rounds are spread. Code and data lie elsewhere in each, and with them changes by some
/// nanoseconds what the processor guesses right; the least of all is the cost of the call.
const PROCESSES: u32 = 5;

/// How often loading is measured.
const LOADS: u32 = 15;

/// How the calls are measured.
#[derive(clap::Args, Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Rounds of each call at one rank, of about 20 microseconds, or of one call if that takes longer
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(5..1_000_000))]
    rounds: u32,
    /// Only libraries whose name contains this
    #[arg(long)]
    only: Option<String>,
    /// Where the plots go
    #[arg(long, value_name = "DIRECTORY", default_value = ".anympi/bench")]
    plots: PathBuf,
    /// Count instructions with callgrind, which no load of the machine changes, instead of measuring time
    #[arg(long)]
    instructions: bool,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

/// One side's times of one thing, in nanoseconds per call or message.
#[derive(Clone, Debug, Deserialize)]
pub struct Times {
    /// The least of all rounds.
    pub least: f64,
    /// The median of all rounds of one process, the best one.
    pub median: f64,
    /// Allocations of the measuring thread in all turns together.
    pub allocations: u64,
}

/// One measured thing, as `measure.c` prints it.
#[derive(Clone, Debug, Deserialize)]
pub struct Figure {
    /// What was called.
    pub name: String,
    /// On how many ranks.
    pub ranks: u32,
    /// Size of a message where bandwidth is meant, else 0.
    pub bytes: u64,
    /// How often it was done in all rounds together.
    pub turns: u64,
    /// The library itself.
    pub native: Times,
    /// Through `libmpi_abi.so.1`.
    pub ours: Times,
}

impl Figure {
    /// What the way through `libmpi_abi.so.1` adds, in nanoseconds.
    pub fn added(&self) -> f64 {
        self.ours.least - self.native.least
    }

    /// The time of ours over the time of the library itself.
    pub fn ratio(&self) -> f64 {
        self.ours.least / self.native.least
    }

    /// Whether ours allocates where the library does not.
    pub fn allocates(&self) -> bool {
        // A turn that does not repeat (the library filling a pool of its own) is no allocation per call.
        self.ours.allocations > self.native.allocations + self.turns / 100
    }

    fn json(&self) -> Value {
        let side = |times: &Times| json!({ "least": times.least, "median": times.median, "allocations": times.allocations });
        json!({
            "name": self.name, "ranks": self.ranks, "bytes": self.bytes, "turns": self.turns,
            "native": side(&self.native), "ours": side(&self.ours),
            "added": self.added(), "ratio": self.ratio(),
            "goal": goals::of(&self.name).map(Goal::text), "met": goals::of(&self.name).map(|goal| goal.is_met(self)),
        })
    }
}

/// What loading takes, in milliseconds: the least of several processes.
#[derive(Clone, Copy, Debug)]
pub struct Loading {
    /// The first MPI call: choose, identify, load, fill the tables.
    pub first_call: f64,
    /// What the dynamic linker takes for the library alone.
    pub linker: f64,
}

impl Loading {
    /// What is ours of it.
    pub fn added(self) -> f64 {
        self.first_call - self.linker
    }
}

/// Everything that was measured of one library.
#[derive(Clone, Debug)]
pub struct Measured {
    /// The library's name.
    pub name: String,
    /// Its calls.
    pub figures: Vec<Figure>,
    /// What loading takes.
    pub loading: Loading,
}

/// Measures and prints.
pub fn run(workspace: &Workspace, options: &Options) -> Outcome<()> {
    let description = setup::set_up(workspace, Purpose::Run)?;
    cargo_step(
        workspace,
        "build libmpi_abi.so",
        Command::new(cargo()).args(["build", "--release", "--package", "anympi-libmpi-abi"]),
    )?;
    let bench = Bench::compile(workspace, options.instructions)?;
    let mut libraries = libraries(workspace, &description);
    libraries.retain(|library| options.only.as_ref().is_none_or(|only| library.name.contains(only)));
    if libraries.is_empty() {
        return Err(Failure::new("no library to measure: none is installed, or --only names none of them"));
    }
    if options.instructions {
        let counted = libraries.iter().map(|library| instructions::count(&bench, library));
        let counted = counted.collect::<Outcome<Vec<_>>>()?;
        let text = if options.json {
            format!("{:#}", instructions::json(&counted))
        } else {
            instructions::report(&counted)
        };
        println!("{text}");
        return Ok(());
    }
    let measured: Outcome<Vec<_>> =
        libraries.iter().map(|library| bench.measure(library, options.rounds)).collect();
    let measured = measured?;
    let directory = workspace.root.join(&options.plots);
    std::fs::create_dir_all(&directory).doing("make", &directory)?;
    let mut plots = Vec::new();
    for (name, text) in [("added.svg", plot::added(&measured)), ("bandwidth.svg", plot::bandwidth(&measured))]
    {
        let path = directory.join(name);
        std::fs::write(&path, text).doing("write", &path)?;
        plots.push(path);
    }
    if options.json {
        let libraries: Vec<Value> = measured
            .iter()
            .map(|library| {
                json!({
                    "name": library.name,
                    "figures": library.figures.iter().map(Figure::json).collect::<Vec<_>>(),
                    "first_call_ms": library.loading.first_call,
                    "dynamic_linker_ms": library.loading.linker,
                })
            })
            .collect();
        println!("{:#}", json!({ "cores": cores(), "libraries": libraries }));
    } else {
        println!("{}", goals::report(&measured));
        for plot in plots {
            println!("plot: {}", plot.display());
        }
    }
    Ok(())
}

/// Cores of this machine.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// A library to measure.
pub struct Library<'a> {
    /// Its name.
    pub name: String,
    file: &'a Path,
    /// Where the `mpi.h` of its ABI is.
    headers: Vec<PathBuf>,
    mpi: &'a Mpi,
}

/// What is installed and has a header, each ABI by itself; what has none is named.
fn libraries<'a>(workspace: &Workspace, description: &'a Description) -> Vec<Library<'a>> {
    let mut libraries = Vec::new();
    for mpi in &description.mpis {
        // Intel's wheel has no header; its ABI is MPICH's by agreement (the MPICH ABI compatibility initiative).
        let relatives =
            description.mpis.iter().filter(|other| mpi.backend == "intel" && other.backend == "mpich");
        match std::iter::once(mpi).chain(relatives).map(headers).find(|found| !found.is_empty()) {
            Some(headers) => {
                libraries.push(Library { name: mpi.name.clone(), file: &mpi.library, headers, mpi });
            }
            None => eprintln!("{} is not measured: it has no mpi.h", mpi.name),
        }
        if let Some(file) = &mpi.abi_library {
            let headers = vec![standard_header(workspace)];
            libraries.push(Library { name: format!("{}-abi", mpi.name), file, headers, mpi });
        }
    }
    libraries
}

/// The directory of the standard `mpi.h`.
fn standard_header(workspace: &Workspace) -> PathBuf {
    workspace.root.join("abi/include")
}

/// The directories with the `mpi.h` of an MPI; none where it has none.
fn headers(mpi: &Mpi) -> Vec<PathBuf> {
    if let Some(prefix) = &mpi.prefix {
        let include = prefix.join("include");
        return if include.join("mpi.h").is_file() { vec![include] } else { Vec::new() };
    }
    // The system's MPIs have compiler wrappers beside their launchers, which say where the header is.
    let wrapper = mpi.launcher.to_string_lossy().replace("mpirun", "mpicc");
    let Ok(output) = Command::new(wrapper).arg("-show").stdin(Stdio::null()).output() else {
        return Vec::new();
    };
    let words = String::from_utf8_lossy(&output.stdout).into_owned();
    words.split_whitespace().filter_map(|word| word.strip_prefix("-I")).map(PathBuf::from).collect()
}

/// Joins the figures of another process to those of the processes before.
fn merge(figures: &mut Vec<Figure>, more: Vec<Figure>) {
    if figures.is_empty() {
        *figures = more;
        return;
    }
    for (known, new) in figures.iter_mut().zip(more) {
        known.turns += new.turns;
        for (known, new) in [(&mut known.native, new.native), (&mut known.ours, new.ours)] {
            known.least = known.least.min(new.least);
            known.median = known.median.min(new.median);
            known.allocations += new.allocations;
        }
    }
}

/// The measuring program and our side of it, compiled.
pub struct Bench<'a> {
    workspace: &'a Workspace,
    directory: PathBuf,
    program: PathBuf,
    ours: PathBuf,
}

impl<'a> Bench<'a> {
    /// Compiles the measuring program and our side of it; `counting` makes a program for callgrind.
    fn compile(workspace: &'a Workspace, counting: bool) -> Outcome<Self> {
        let directory = workspace.target.join("bench-mpi");
        std::fs::create_dir_all(&directory).doing("make", &directory)?;
        let program = directory.join(if counting { "count" } else { "measure" });
        let mut bench = Self { workspace, directory, program, ours: PathBuf::new() };
        let mut compiler = bench.compiler();
        // Its malloc, which counts, must come before that of the C library.
        if counting {
            compiler.arg("-DCOUNTING");
        }
        compiler.arg("-rdynamic").arg("-o").arg(&bench.program);
        compiler.arg(workspace.root.join("benches/measure.c")).arg("-ldl");
        bench.step("compile the measuring program", &mut compiler)?;
        bench.ours =
            bench.side("ours", &[standard_header(workspace)], &workspace.programs().join("libmpi_abi.so"))?;
        Ok(bench)
    }

    fn compiler(&self) -> Command {
        let mut compiler = Command::new("cc");
        compiler.args(["-std=c99", "-O2"]);
        compiler
    }

    fn step(&self, title: &str, command: &mut Command) -> Outcome<()> {
        step::run(title, command, &self.log("compile"))
    }

    fn log(&self, name: &str) -> PathBuf {
        self.workspace.logs().join(format!("bench-mpi-{name}.log"))
    }

    /// Compiles the calls with one header, bound to one library by its path.
    ///
    /// The linker writes down the soname of what it links to, under which another library may be loaded already. It writes
    /// down a path where there is no soname: so it gets an empty library, which then becomes a link to the real one.
    fn side(&self, name: &str, headers: &[PathBuf], library: &Path) -> Outcome<PathBuf> {
        let directory = self.directory.join(name);
        std::fs::create_dir_all(&directory).doing("make", &directory)?;
        let bound = directory.join("mpi.so");
        if bound.symlink_metadata().is_ok() {
            std::fs::remove_file(&bound).doing("remove", &bound)?;
        }
        let title = format!("compile the calls for {name}");
        let mut compiler = self.compiler();
        compiler.args(["-shared", "-o"]).arg(&bound).args(["-x", "c", "/dev/null"]);
        self.step(&title, &mut compiler)?;
        let side = directory.join("calls.so");
        let mut compiler = self.compiler();
        compiler.args(["-fPIC", "-shared", "-o"]).arg(&side);
        for directory in headers {
            compiler.arg("-I").arg(directory);
        }
        compiler.arg(self.workspace.root.join("benches/calls.c")).arg("-Wl,--no-as-needed").arg(&bound);
        self.step(&title, &mut compiler)?;
        std::fs::remove_file(&bound).doing("remove", &bound)?;
        std::os::unix::fs::symlink(library, &bound).doing("link", &bound)?;
        Ok(side)
    }

    /// The side of a library itself.
    ///
    /// # Errors
    /// What the compiler says.
    pub fn native(&self, library: &Library<'_>) -> Outcome<PathBuf> {
        self.side(&library.name, &library.headers, library.file)
    }

    /// What starts ranks of a library; the program comes next.
    pub fn launch(&self, library: &Library<'_>, ranks: u32) -> Command {
        let mut command = Command::new("timeout");
        command.args(["--foreground", "--kill-after=5", LIMIT]).arg(&library.mpi.launcher);
        command.args(&library.mpi.launcher_arguments).arg("-n").arg(ranks.to_string());
        command.envs(&library.mpi.environment).env("ANYMPI", library.file);
        command
    }

    /// The measuring program with its arguments.
    pub fn measuring(&self, command: &mut Command, what: &str, native: &Path, times: u32) {
        command.arg(&self.program).arg(what).arg(&self.ours).arg(native).arg(times.to_string());
    }

    /// Runs what was started for a library, and gives what it printed.
    ///
    /// # Errors
    /// The last lines of its log.
    pub fn run(&self, title: &str, command: &mut Command, library: &Library<'_>) -> Outcome<String> {
        let log = self.log(&library.name);
        step::run(title, command, &log)?;
        std::fs::read_to_string(&log).doing("read", &log)
    }

    fn measure(&self, library: &Library<'_>, rounds: u32) -> Outcome<Measured> {
        let native = self.native(library)?;
        let mut figures = self.calls(library, &native, 1, rounds)?;
        figures.extend(self.calls(library, &native, 2, rounds)?);
        Ok(Measured { name: library.name.clone(), figures, loading: self.loading(library)? })
    }

    fn calls(&self, library: &Library<'_>, native: &Path, ranks: u32, rounds: u32) -> Outcome<Vec<Figure>> {
        let mut figures = Vec::new();
        for process in 0..PROCESSES {
            let more = self.process(library, native, ranks, (rounds / PROCESSES).max(5), process)?;
            merge(&mut figures, more);
        }
        Ok(figures)
    }

    fn process(
        &self,
        library: &Library<'_>,
        native: &Path,
        ranks: u32,
        rounds: u32,
        process: u32,
    ) -> Outcome<Vec<Figure>> {
        let mut command = self.launch(library, ranks);
        self.measuring(&mut command, "calls", native, rounds);
        let ranks_text = if ranks == 1 { "1 rank".into() } else { format!("{ranks} ranks") };
        let title =
            format!("measure {} at {ranks_text}, process {} of {PROCESSES}", library.name, process + 1);
        let text = self.run(&title, &mut command, library)?;
        let log = self.log(&library.name);
        let figures: Vec<Figure> = text
            .lines()
            .filter(|line| line.starts_with('{'))
            .map(|line| serde_json::from_str(line).doing("read a figure from", &log))
            .collect::<Outcome<_>>()?;
        // A launcher that does not fit starts worlds of one rank, which measure the calls of one rank.
        if figures.is_empty() || figures.iter().any(|figure| figure.ranks != ranks) {
            return Err(Failure::new(format!(
                "{} did not come up with {ranks_text}; {}",
                library.name,
                step::last_lines(&log)
            )));
        }
        Ok(figures)
    }

    fn loading(&self, library: &Library<'_>) -> Outcome<Loading> {
        let mut loading = Loading { first_call: f64::INFINITY, linker: f64::INFINITY };
        for _ in 0..LOADS {
            loading.first_call = loading.first_call.min(self.milliseconds(library, "load", &self.ours)?);
            loading.linker = loading.linker.min(self.milliseconds(library, "dlopen", library.file)?);
        }
        Ok(loading)
    }

    fn milliseconds(&self, library: &Library<'_>, what: &str, file: &Path) -> Outcome<f64> {
        let output = Command::new(&self.program)
            .arg(what)
            .arg(file)
            .envs(&library.mpi.environment)
            .env("ANYMPI", library.file)
            .stdin(Stdio::null())
            .output()
            .doing("run", &self.program)?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let value: Option<Value> = serde_json::from_str(&text).ok();
        value.and_then(|value| value["nanoseconds"].as_f64()).map(|nanoseconds| nanoseconds / 1e6).ok_or_else(
            || {
                let errors = String::from_utf8_lossy(&output.stderr).into_owned();
                Failure::new(format!(
                    "{} cannot be loaded ({}): {}",
                    library.name,
                    output.status,
                    errors.trim()
                ))
            },
        )
    }
}
