//! The controller's start: nothing else of that name may run, and it is ready when both its files are complete and it answers.

use super::{CONTROLLER_PATIENCE, Stop, Supervisor, TICK, remove};
use crate::child::{Started, command, describe, remove_old_logs, shown};
use crate::cluster_file::{ClusterFile, files_in, written};
use crate::failure::Failure;
use crate::plan::ControllerPlan;
use anympi_wire::variables::{IPP_CLUSTER_ID, IPP_PROFILE_DIR};
use anympi_wire::{ClientConnection, EngineConnection};
use std::process::Command;
use std::time::{Duration, Instant};

impl Supervisor<'_> {
    /// A cluster or a controller of this name that lives is left alone; what dead ones left behind is removed.
    pub(super) fn refuse_a_second_cluster(&mut self, controller: &ControllerPlan) -> Result<(), Failure> {
        let profile = &self.plan.profile;
        let path = profile.cluster_file();
        if path.exists() {
            match ClusterFile::read(&path) {
                Ok(file) if !file.running(written(&path)).is_empty() => {
                    return Err(Failure::AlreadyStarted { path });
                }
                Ok(_) => {
                    self.report.debug(&format!("removing {}: none of its processes runs", path.display()))
                }
                Err(error) => self.report.warning(&format!("{error}; removing it")),
            }
            remove(&path)?;
        }
        let client = profile.client_file();
        if let Ok(connection) = ClientConnection::read(&client)
            && connection.check_answering("", Duration::from_secs(1)).is_ok()
        {
            return Err(Failure::AlreadyStarted { path: client });
        }
        if !controller.reuses() {
            // Else the files of a controller that was killed would be taken for those of the new one.
            remove(&client)?;
            remove(&profile.engine_file())?;
        }
        Ok(())
    }

    pub(super) fn remove_old_logs(&self) {
        let files = files_in(self.plan.profile.directory());
        let in_use =
            files.iter().filter_map(|file| ClusterFile::read(file).ok()).flat_map(|file| file.logs());
        remove_old_logs(&self.plan.profile.log_dir(), &in_use.collect::<Vec<_>>());
    }

    pub(super) fn start_controller(&mut self, controller: &ControllerPlan) -> Result<(), Failure> {
        let mut command = command(&controller.command);
        if !controller.ip.is_empty() {
            command.arg(format!("--ip={}", controller.ip));
        }
        if !controller.location.is_empty() {
            command.arg(format!("--location={}", controller.location));
        }
        command.args(&controller.arguments);
        self.set_identity(&mut command);
        let log = self.plan.profile.log_dir().join(format!("ipcontroller-{}.log", self.set));
        self.report.debug(&format!("starting {}, log {}", shown(&command), log.display()));
        self.controller = Some(Started::start("the controller", command, &log)?);
        Ok(())
    }

    /// Every program of a cluster learns from the environment which cluster it belongs to.
    pub(super) fn set_identity(&self, command: &mut Command) {
        command.env(IPP_CLUSTER_ID, self.plan.profile.cluster_id());
        command.env(IPP_PROFILE_DIR, self.plan.profile.directory());
    }

    pub(super) fn await_controller(&mut self) -> Result<(), Stop> {
        let start = Instant::now();
        loop {
            self.check_controller_at_start()?;
            let profile = &self.plan.profile;
            let client = ClientConnection::read(&profile.client_file());
            let engine = EngineConnection::read(&profile.engine_file());
            let ready = client.and_then(|client| {
                engine?;
                client.check_answering(&profile.client_file().to_string_lossy(), TICK)
            });
            match ready {
                Ok(()) => return Ok(()),
                Err(error) if start.elapsed() > CONTROLLER_PATIENCE => {
                    return Err(self.silent_controller(error.to_string(), CONTROLLER_PATIENCE).into());
                }
                Err(_) => self.next_event(TICK)?,
            }
        }
    }

    pub(super) fn silent_controller(&self, reason: String, after: Duration) -> Failure {
        let output = self.controller.as_ref().map(Started::last_lines).unwrap_or_default();
        Failure::ControllerSilent { after, reason, output }
    }

    pub(super) fn check_controller_at_start(&mut self) -> Result<(), Failure> {
        let Some(controller) = &mut self.controller else { return Ok(()) };
        match controller.ended() {
            Some(status) => {
                Err(Failure::ControllerDied { how: describe(status), output: controller.last_lines() })
            }
            None => Ok(()),
        }
    }

    /// The connection to a controller that answers.
    pub(super) fn connection(&self) -> Result<ClientConnection, Failure> {
        let path = self.plan.profile.client_file();
        let connection = ClientConnection::read(&path)?;
        connection.check_answering(&path.to_string_lossy(), Duration::from_secs(2))?;
        Ok(connection)
    }
}
