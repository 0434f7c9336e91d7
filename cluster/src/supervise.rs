//! The life of a cluster: controller first, then engines, then waiting; engines end first, the controller last.
//!
//! Whatever ends it, a signal, a failure or the client's own shutdown, goes through [`Supervisor::end`], which leaves no
//! process and no file behind.

mod controller;
mod ending;
mod record;

use crate::child::{Started, command, describe, shown};
use crate::failure::Failure;
use crate::plan::Plan;
use crate::processes::{adopt_orphans, reap_orphans, send};
use crate::registrations::Watch;
use crate::report::Report;
use crate::signals::{asks_to_end, forward, is_for_engines};
use anympi_wire::remove_file;
use anympi_wire::variables::IPP_CONNECTION_INFO;
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant, SystemTime};

/// How long the controller may take to be ready, as in the stock program.
const CONTROLLER_PATIENCE: Duration = Duration::from_secs(60);
/// How long the hub may take to answer its first question.
const HUB_PATIENCE: Duration = Duration::from_secs(30);
/// After how long of waiting for engines the user is told where to look.
const ENGINES_PATIENCE: Duration = Duration::from_secs(60);
/// How long processes may take to end when they are asked to.
const GRACE: Duration = Duration::from_secs(5);
/// How often files and processes are looked at while something is awaited.
const TICK: Duration = Duration::from_millis(20);
/// How often once the cluster is up; signals of children come at once anyway.
const REST: Duration = Duration::from_secs(2);

/// Something that the supervisor reacts to.
#[derive(Debug)]
pub enum Event {
    /// A signal came.
    Signal(i32),
    /// These engines are registered now.
    Engines(BTreeSet<String>),
    /// Registrations can no longer be watched.
    WatchFailed(String),
}

/// Why a cluster ends.
#[derive(Debug)]
enum Stop {
    /// A signal asked for it.
    Asked,
    /// Its processes ended in order, asked by a client.
    Done,
    /// Something failed.
    Failed(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Runs a cluster from its start to its end.
///
/// # Errors
///
/// What failed; everything that was started is ended by then. A cluster that was up and was asked to end is no failure.
pub fn run(plan: &Plan, report: &mut Report) -> Result<(), Failure> {
    let (sender, events) = channel();
    forward(sender.clone())?;
    if !adopt_orphans() {
        report.debug("orphans of the launcher cannot be adopted on this system");
    }
    let mut supervisor = Supervisor {
        plan,
        report,
        events,
        sender,
        controller: None,
        engines: Vec::new(),
        watch: None,
        registered: None,
        engines_failed: None,
        set: set_id(),
        up: false,
        hurry: false,
        ended: false,
    };
    let stop = match supervisor.bring_up() {
        Ok(()) => supervisor.keep(),
        Err(stop) => stop,
    };
    supervisor.report.progress_ends();
    let was_up = supervisor.up;
    if matches!(stop, Stop::Asked) {
        supervisor.report.info("stopping");
    }
    let ended = supervisor.end();
    match stop {
        Stop::Failed(failure) => Err(failure),
        Stop::Asked if !was_up => Err(Failure::Interrupted),
        Stop::Asked | Stop::Done => match (ended, supervisor.engines_failed.take()) {
            (Ok(()), None) => Ok(()),
            (Ok(()), Some(log)) => Err(Failure::EnginesFailed { log }),
            (Err(failure), _) => Err(failure),
        },
    }
}

struct Supervisor<'a> {
    plan: &'a Plan,
    report: &'a mut Report,
    events: Receiver<Event>,
    sender: Sender<Event>,
    controller: Option<Started>,
    engines: Vec<Started>,
    watch: Option<Watch>,
    /// The engines that are registered; none before the hub's first answer.
    registered: Option<BTreeSet<String>>,
    /// Log of engines that failed after the cluster was up.
    engines_failed: Option<std::path::PathBuf>,
    /// Name of this start of engines in the cluster file.
    set: String,
    up: bool,
    /// A second signal came: no more patience.
    hurry: bool,
    ended: bool,
}

impl Supervisor<'_> {
    fn bring_up(&mut self) -> Result<(), Stop> {
        let plan = self.plan;
        let profile = &plan.profile;
        profile.create().map_err(Failure::from)?;
        if let Some(controller) = &plan.controller {
            self.refuse_a_second_cluster(controller)?;
            if plan.clean_logs {
                self.remove_old_logs();
            }
            self.start_controller(controller)?;
            self.update_file()?;
            self.await_controller()?;
        }
        let client = self.connection()?;
        let watch = Watch::begin(&client, self.sender.clone());
        let watch = watch.map_err(|error| {
            let source = std::io::Error::other(error.to_string());
            Failure::System { doing: "cannot ask the controller for its engines", source }
        })?;
        self.watch = Some(watch);
        let asked = Instant::now();
        while self.registered.is_none() {
            self.check_controller_at_start()?;
            if asked.elapsed() > HUB_PATIENCE {
                return Err(self
                    .silent_controller("its hub does not answer".to_owned(), HUB_PATIENCE)
                    .into());
            }
            self.next_event(TICK)?;
        }
        if let Some(controller) = &plan.controller {
            let until = Instant::now() + controller.delay;
            while let Some(left) = until.checked_duration_since(Instant::now()) {
                self.next_event(left.min(TICK))?;
            }
        }
        self.start_engines()?;
        self.await_engines()?;
        if let Some(watch) = &self.watch {
            watch.relax();
        }
        self.up = true;
        let n = plan.engines.n;
        let engines = if n == 1 { "engine" } else { "engines" };
        self.report.progress_ends();
        self.report.info(&format!("{n} {engines} ready ({})", self.plan.profile.client_file().display()));
        self.report.up();
        Ok(())
    }

    fn start_engines(&mut self) -> Result<(), Failure> {
        let plan = &self.plan.engines;
        if plan.n == 0 {
            return self.update_file();
        }
        let path = self.plan.profile.engine_file();
        let information = std::fs::read_to_string(&path).map_err(|source| Failure::File {
            doing: "cannot read",
            path: path.clone(),
            source,
        })?;
        let logs = self.plan.profile.log_dir();
        let base = match self.plan.profile.cluster_id() {
            "" => format!("ipengine-{}", self.set),
            id => format!("ipengine-{id}-{}", self.set),
        };
        if let Some((launcher, launch)) = &plan.launcher {
            let mut command = launcher.command(launch);
            command.envs(plan.environment.iter().map(|(name, value)| (name, value)));
            command.args(&plan.command).env(IPP_CONNECTION_INFO, &information);
            self.set_identity(&mut command);
            if plan.allow_root {
                launcher.allow_root(&mut command);
            }
            let log = logs.join(format!("{base}.log"));
            self.report.info(&format!(
                "starting {} engines with {} ({} {})",
                plan.n,
                launcher.path.display(),
                launcher.kind,
                launcher.version
            ));
            self.report.debug(&format!("starting {}, log {}", shown(&command), log.display()));
            let name = launcher.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            self.engines.push(Started::start(&name, command, &log)?);
        } else {
            self.report.info(&format!("starting {} engines", plan.n));
            for index in 0..plan.n {
                let mut command = command(&plan.command);
                command.env(IPP_CONNECTION_INFO, &information);
                self.set_identity(&mut command);
                let log = logs.join(format!("{base}-{index}.log"));
                self.report.debug(&format!("starting {}, log {}", shown(&command), log.display()));
                self.engines.push(Started::start(&format!("engine {index}"), command, &log)?);
            }
        }
        self.update_file()
    }

    fn await_engines(&mut self) -> Result<(), Stop> {
        let before = self.registered.clone().unwrap_or_default();
        let n = self.plan.engines.n;
        let start = Instant::now();
        let mut warned = false;
        loop {
            let now = self.registered.clone().unwrap_or_default();
            let done = u32::try_from(now.difference(&before).count()).unwrap_or(u32::MAX).min(n);
            self.report.progress(done, n);
            if done == n {
                return Ok(());
            }
            self.check_controller_at_start()?;
            if let Some(index) = self.engines.iter_mut().position(|engine| engine.ended().is_some()) {
                let when = format!("before all engines had registered ({done} of {n} had)");
                return Err(self.died(index, when).into());
            }
            if !warned && start.elapsed() > ENGINES_PATIENCE {
                warned = true;
                let log =
                    self.engines.first().map(|engine| engine.log.display().to_string()).unwrap_or_default();
                self.report.warning(&format!(
                    "{done} of {n} engines after {} s; see {log}",
                    start.elapsed().as_secs()
                ));
            }
            self.next_event(TICK)?;
        }
    }

    fn died(&mut self, index: usize, when: String) -> Failure {
        let engine = &mut self.engines[index];
        let how = engine.ended().map_or_else(|| "ended".to_owned(), describe);
        let hint = match &self.plan.engines.launcher {
            Some((_, launch)) if !launch.local => {
                "engines on other machines can only reach a controller that listens there: start with --ip='*'"
            }
            _ => "the engines' own messages above say why; --debug shows how they were started",
        };
        Failure::EnginesDied { name: engine.name.clone(), how, when, output: engine.last_lines(), hint }
    }

    /// Waits until something ends the cluster.
    fn keep(&mut self) -> Stop {
        let start = Instant::now();
        let mut reported = vec![false; self.engines.len()];
        loop {
            if let Some(controller) = &mut self.controller
                && let Some(status) = controller.ended()
            {
                if status.success() {
                    self.report.info("the controller has ended, so the cluster is being stopped");
                    return Stop::Done;
                }
                let output = controller.last_lines();
                return Failure::ControllerLost { how: describe(status), output }.into();
            }
            for (index, reported) in reported.iter_mut().enumerate() {
                let Some(status) = self.engines[index].ended().filter(|_| !*reported) else { continue };
                *reported = true;
                if !status.success() {
                    if start.elapsed() < self.plan.early_shutdown {
                        return self.died(index, "soon after its start".to_owned()).into();
                    }
                    let engine = &self.engines[index];
                    let text = format!("{} {}; see {}", engine.name, describe(status), engine.log.display());
                    self.engines_failed = Some(engine.log.clone());
                    self.report.warning(&text);
                } else {
                    let text = format!("{} has ended", self.engines[index].name);
                    self.report.info(&text);
                }
                if let Err(error) = self.update_file() {
                    self.report.warning(&error.to_string());
                }
            }
            if self.plan.controller.is_none() && reported.iter().all(|reported| *reported) {
                return Stop::Done;
            }
            if let Err(stop) = self.next_event(REST) {
                return stop;
            }
        }
    }

    /// Takes one event, waiting at most so long for it.
    fn next_event(&mut self, patience: Duration) -> Result<(), Stop> {
        match self.events.recv_timeout(patience) {
            Ok(Event::Signal(signal)) if asks_to_end(signal) => return Err(Stop::Asked),
            Ok(Event::Signal(signal)) => self.pass_on(signal),
            Ok(Event::Engines(engines)) => self.registered = Some(engines),
            Ok(Event::WatchFailed(error)) => {
                self.report.warning(&format!("cannot follow registrations: {error}"))
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => std::thread::sleep(patience),
        }
        Ok(())
    }

    /// Signals for the engines go to their launcher, which passes them on; that of an ended child reaps orphans.
    fn pass_on(&mut self, signal: i32) {
        if !is_for_engines(signal) {
            reap_orphans(&self.own());
            return;
        }
        let Some(named) = Signal::from_named_raw(signal) else { return };
        for engine in &mut self.engines {
            if engine.ended().is_none() {
                send(engine.pid(), named);
            }
        }
    }

    fn own(&self) -> Vec<i32> {
        self.controller.iter().chain(&self.engines).map(Started::pid).collect()
    }
}

fn remove(path: &std::path::Path) -> Result<(), Failure> {
    remove_file(path).map_err(|source| Failure::File {
        doing: "cannot remove",
        path: path.to_owned(),
        source,
    })
}

/// Names one start of engines: the time, and the process in case two start in one second.
fn set_id() -> String {
    let seconds =
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs());
    format!("{seconds}-{}", std::process::id())
}
