//! `start`, `mpirun`, `local` and `engines`: in the foreground, or from a process in the background.

use crate::failure::Failure;
use crate::options::{ClusterArguments, EngineSetArguments, Way};
use crate::plan::{ControllerPlan, EngineWishes, Plan, controller_program, plan_engines};
use crate::report::{Message, Report};
use crate::supervise;
use anympi_wire::{ClientConnection, Profile};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Starts a controller and engines.
///
/// # Errors
///
/// See [`Failure`].
pub fn cluster(way: Option<Way>, arguments: &ClusterArguments, report: &mut Report) -> Result<(), Failure> {
    let profile = Profile::locate(&arguments.set.profile.options())?;
    let controller = ControllerPlan {
        command: controller_program()?,
        arguments: arguments.controller_arguments.clone(),
        ip: arguments.ip.clone(),
        location: arguments.location.clone(),
        delay: Duration::from_secs_f64(arguments.delay),
    };
    let plan = plan(profile, Some(controller), way, &arguments.set, arguments.clean_logs)?;
    start(&plan, &arguments.set, report)
}

/// Starts engines for a controller that runs.
///
/// # Errors
///
/// See [`Failure`].
pub fn engines(way: Option<Way>, arguments: &EngineSetArguments, report: &mut Report) -> Result<(), Failure> {
    let profile = Profile::locate(&arguments.profile.options())?;
    let client = profile.client_file();
    ClientConnection::read(&client)?.check_answering(&client.to_string_lossy(), Duration::from_secs(2))?;
    let plan = plan(profile, None, way, arguments, false)?;
    start(&plan, arguments, report)
}

fn plan(
    profile: Profile,
    controller: Option<ControllerPlan>,
    way: Option<Way>,
    arguments: &EngineSetArguments,
    clean_logs: bool,
) -> Result<Plan, Failure> {
    let with_mpi = arguments.mpi.as_ref().is_some_and(|selection| *selection != anympi::Selection::None);
    let n = match arguments.n {
        Some(n) => n,
        None => {
            std::thread::available_parallelism().map_or(1, |count| u32::try_from(count.get()).unwrap_or(1))
        }
    };
    let engines = plan_engines(&EngineWishes {
        n,
        under_mpi: way.map_or(with_mpi, |way| way == Way::Mpi),
        mpi: arguments.mpi.clone(),
        python: arguments.python.clone(),
        launcher_arguments: arguments.mpi_args.clone(),
        allow_root: arguments.allow_run_as_root,
    })?;
    let early_shutdown = Duration::from_secs_f64(arguments.early_shutdown);
    Ok(Plan { profile, controller, engines, early_shutdown, clean_logs })
}

fn start(plan: &Plan, arguments: &EngineSetArguments, report: &mut Report) -> Result<(), Failure> {
    if arguments.daemonize && !arguments.in_background {
        return send_to_background(plan, report);
    }
    if arguments.in_background {
        // A session of its own keeps the cluster alive when the terminal goes.
        rustix::process::setsid()
            .map_err(|error| Failure::System { doing: "cannot leave the terminal", source: error.into() })?;
        *report = Report::to_foreground(report.level());
    }
    supervise::run(plan, report)
}

/// Starts this program again as the supervisor in the background, and shows its reports until the cluster is up.
fn send_to_background(plan: &Plan, report: &mut Report) -> Result<(), Failure> {
    plan.profile.create()?;
    let name = format!("ipcluster-{}-{}.log", plan.profile.cluster_id(), std::process::id());
    let log = plan.profile.log_dir().join(name);
    let output = OpenOptions::new().create(true).append(true).open(&log);
    let output = output.map_err(|source| Failure::Log { path: log.clone(), source })?;
    let fail = |source| Failure::System { doing: "cannot start the background process", source };
    let mut command = Command::new(std::env::current_exe().map_err(fail)?);
    let mut words = std::env::args_os().skip(1);
    command.args(words.next()).arg("--in-background").args(words);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(output);
    let mut child = command.spawn().map_err(fail)?;
    let pid = i32::try_from(child.id()).unwrap_or(-1);
    // The child leaves the terminal's session, so a signal to the foreground must be handed on while it starts.
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(fail)?;
    let handle = signals.handle();
    let relay = std::thread::spawn(move || {
        for _ in signals.forever() {
            crate::processes::send(pid, rustix::process::Signal::TERM);
        }
    });
    let messages = child.stdout.take().map(BufReader::new);
    let outcome = messages.map_or(Ok(false), |messages| show(messages, report));
    handle.close();
    // The thread only waits for signals; it has ended or its panic was reported by itself.
    let _ = relay.join();
    if outcome? {
        report.info(&format!("leaving the cluster running: {}", plan.profile.cluster_file().display()));
        return Ok(());
    }
    // The child ends by itself when it has said nothing more; its status is told better by the log.
    let _ = child.wait();
    Err(Failure::BackgroundLost { log: Path::new(&log).to_owned() })
}

/// Shows the child's messages; true once the cluster is up, false when they end before.
fn show(messages: impl BufRead, report: &mut Report) -> Result<bool, Failure> {
    for line in messages.lines().map_while(Result::ok) {
        match serde_json::from_str(&line) {
            Ok(Message::Line { text }) => report.relay(&text),
            Ok(Message::Progress { done, of }) => report.progress(done, of),
            Ok(Message::Up) => {
                report.progress_ends();
                return Ok(true);
            }
            Ok(Message::Failed { message, code }) => {
                report.progress_ends();
                return Err(Failure::Background { message, code });
            }
            // Not from us: something below printed to the pipe.
            Err(_) => report.relay(&line),
        }
    }
    Ok(false)
}

/// Tells of settings that this program does not have.
pub fn warn_of_unknown(settings: &[String], report: &mut Report) {
    for setting in settings {
        report.warning(&format!("--{setting} is not known here and has no effect"));
    }
}
