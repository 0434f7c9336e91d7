//! The record of what runs, kept up to date in the cluster file.

use super::{Supervisor, remove};
use crate::child::Started;
use crate::cluster_file::{Cluster, ClusterFile, written};
use crate::failure::Failure;
use std::time::SystemTime;

impl Supervisor<'_> {
    /// Brings the cluster file up to date with what runs now; other starts of engines in it are kept.
    pub(super) fn update_file(&mut self) -> Result<(), Failure> {
        let plan = self.plan;
        let profile = &plan.profile;
        let path = profile.cluster_file();
        let mut file = match ClusterFile::read(&path) {
            Ok(mut file) => {
                file.drop_ended(written(&path));
                file
            }
            Err(_) => {
                let controller = plan.controller.as_ref();
                ClusterFile::new(&Cluster {
                    profile,
                    controller_arguments: controller.map_or(&[], |controller| &controller.arguments),
                    ip: controller.map_or("", |controller| &controller.ip),
                    location: controller.map_or("", |controller| &controller.location),
                    delay: controller.map_or(0.0, |controller| controller.delay.as_secs_f64()),
                    n: plan.engines.n,
                    engine_class: plan.engines.class(),
                })
            }
        };
        if let Some(controller) = &mut self.controller
            && controller.ended().is_none()
        {
            file.set_controller(profile, controller.pid(), &controller.log);
        } else if plan.controller.is_some() {
            file.controller = None;
        }
        file.engines.sets.remove(&self.set);
        let alive: Vec<usize> =
            (0..self.engines.len()).filter(|index| self.engines[*index].ended().is_none()).collect();
        let alive: Vec<&Started> = alive.into_iter().map(|index| &self.engines[index]).collect();
        match (&plan.engines.launcher, alive.first()) {
            (_, None) => {}
            (Some(_), Some(launcher)) => {
                file.set_launched(profile, &self.set, plan.engines.n, launcher.pid(), &launcher.log);
            }
            (None, Some(_)) => {
                let engines = alive.iter().map(|engine| (engine.pid(), engine.log.as_path()));
                file.set_local(profile, &self.set, engines);
            }
        }
        if file.controller.is_none() && file.running(SystemTime::now()).is_empty() {
            remove(&path)
        } else {
            file.write(&path)
        }
    }
}
