//! Which task runs where and when: the scheduler's decisions, without sockets.
//!
//! Invariant: no waiting job could run on an engine that has room. So a new job is compared with the engines once, and an
//! engine that gets room takes the oldest job that waits for it. Jobs for any engine wait in one queue; a job for certain
//! engines waits in the queue of each of these. Every step takes logarithmic time in the number of jobs.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use super::choice::{Place, Random, Scheme, choose};
use super::dependency::{Outcome, State};
use super::job::{Job, JobId};
use crate::events::Uuid;

/// How many finished tasks are remembered, for dependencies on them. A dependency on an older one is invalid.
const OUTCOMES: usize = 262_144;

/// Why the scheduler itself ends a task; the names are exceptions of the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// It depends on itself or on a task that this scheduler does not know.
    Invalid,
    /// What it waits for can no longer happen, or no engine is left that may run it.
    Impossible,
    /// It waited for too long.
    Timeout,
    /// Its engine died.
    EngineDied,
}

/// What is to be done.
#[derive(Debug)]
pub enum Action {
    /// Send the job to the engine.
    Send(JobId, Uuid),
    /// Tell the client that the task has failed. The job is over.
    Fail(Box<Job>, Failure),
}

/// What a reply means.
#[derive(Debug)]
pub enum Verdict {
    /// It is the result. The job is over.
    Deliver(Box<Job>),
    /// The job is tried elsewhere.
    Again,
    /// Nobody waits for it.
    Unknown,
}

/// What a reply says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// Success.
    Ok,
    /// An exception.
    Error,
    /// Aborted on request.
    Aborted,
    /// The engine is the wrong one for this task.
    Refused,
}

struct Engine {
    load: usize,
    stamp: i64,
    /// Jobs that wait for this engine, among others perhaps.
    waiting: BTreeSet<JobId>,
    running: HashSet<JobId>,
    /// Not reachable for the moment.
    paused: bool,
}

/// All engines and jobs.
pub struct Plan {
    scheme: Scheme,
    high_water_mark: usize,
    random: Random,
    engines: HashMap<Uuid, Engine>,
    /// Engines with room, by place.
    free: BTreeMap<Place, Uuid>,
    newest: i64,
    oldest: i64,
    jobs: HashMap<JobId, Job>,
    numbers: HashMap<Arc<str>, JobId>,
    next_job: JobId,
    /// Jobs that any engine may run.
    open: BTreeSet<JobId>,
    /// Jobs that any engine may run but those that refused.
    excluding: BTreeSet<JobId>,
    deadlines: BTreeSet<(Instant, JobId)>,
    dependants: HashMap<Arc<str>, Vec<JobId>>,
    outcomes: HashMap<Arc<str>, Outcome>,
    finished: VecDeque<Arc<str>>,
    actions: VecDeque<Action>,
    /// How many jobs were looked at to find one to run.
    #[cfg(test)]
    looks: usize,
}

impl Plan {
    /// Without engines and jobs. A high water mark of 0 means no limit of tasks per engine.
    pub fn new(scheme: Scheme, high_water_mark: usize, seed: u64) -> Plan {
        Plan {
            scheme,
            high_water_mark,
            random: Random::new(seed),
            engines: HashMap::new(),
            free: BTreeMap::new(),
            newest: 0,
            oldest: 0,
            jobs: HashMap::new(),
            numbers: HashMap::new(),
            next_job: 0,
            open: BTreeSet::new(),
            excluding: BTreeSet::new(),
            deadlines: BTreeSet::new(),
            dependants: HashMap::new(),
            outcomes: HashMap::new(),
            finished: VecDeque::new(),
            actions: VecDeque::new(),
            #[cfg(test)]
            looks: 0,
        }
    }

    /// The next thing to do.
    pub fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// A job that waits or runs.
    pub fn job(&self, id: JobId) -> Option<&Job> {
        self.jobs.get(&id)
    }

    /// When [`Plan::expire`] has something to do.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// An engine takes part.
    pub fn add_engine(&mut self, uuid: &Uuid) {
        if self.engines.contains_key(uuid) {
            return;
        }
        self.oldest -= 1;
        let waiting = self.excluding.clone();
        for id in &waiting {
            if let Some(job) = self.jobs.get_mut(id) {
                job.queued.push(uuid.clone());
            }
        }
        let engine = Engine { load: 0, stamp: self.oldest, waiting, running: HashSet::new(), paused: false };
        self.engines.insert(uuid.clone(), engine);
        self.serve(uuid);
    }

    /// An engine is gone. The jobs that ran there are returned; each is to be ended by [`Plan::reply`] or
    /// [`Plan::engine_died`].
    pub fn remove_engine(&mut self, uuid: &Uuid) -> Vec<JobId> {
        self.unlist(uuid);
        let Some(engine) = self.engines.remove(uuid) else { return Vec::new() };
        for id in engine.waiting {
            if let Some(job) = self.jobs.get_mut(&id) {
                job.queued.retain(|it| it != uuid);
                let stuck = job.queued.is_empty();
                if stuck {
                    self.place(id);
                }
            }
        }
        engine.running.into_iter().collect()
    }

    /// The message could not be sent: the engine is not connected now. The job is placed elsewhere.
    pub fn pause(&mut self, uuid: &Uuid, id: JobId) {
        self.unlist(uuid);
        if let Some(engine) = self.engines.get_mut(uuid) {
            engine.paused = true;
            engine.load -= usize::from(engine.running.remove(&id));
        }
        if let Some(job) = self.jobs.get_mut(&id) {
            job.engine = None;
            self.place(id);
        }
    }

    /// The engines that are paused.
    pub fn paused(&self) -> Vec<Uuid> {
        self.engines.iter().filter(|(_, engine)| engine.paused).map(|(uuid, _)| uuid.clone()).collect()
    }

    /// The engine is connected again.
    pub fn resume(&mut self, uuid: &Uuid) {
        if let Some(engine) = self.engines.get_mut(uuid) {
            engine.paused = false;
        }
        self.serve(uuid);
    }

    /// A new task.
    pub fn submit(&mut self, mut job: Job, now: Instant) {
        let msg_id = job.msg_id.clone();
        let ids: HashSet<Arc<str>> = job.after.pending().chain(job.follow.pending()).cloned().collect();
        for id in &ids {
            match self.outcomes.get(id) {
                Some(outcome) => {
                    job.after.note(id, outcome);
                    job.follow.note(id, outcome);
                }
                None if *id == msg_id || !self.numbers.contains_key(id) => {
                    return self.fail(job, Failure::Invalid);
                }
                None => {}
            }
        }
        job.deadline = job.timeout.and_then(|timeout| now.checked_add(timeout));
        let id = self.next_job;
        self.next_job += 1;
        for dependency in ids.into_iter().filter(|it| !self.outcomes.contains_key(it)) {
            self.dependants.entry(dependency).or_default().push(id);
        }
        self.deadlines.extend(job.deadline.map(|deadline| (deadline, id)));
        self.numbers.insert(msg_id, id);
        self.jobs.insert(id, job);
        self.place(id);
    }

    /// A reply came from an engine.
    pub fn reply(&mut self, uuid: &Uuid, msg_id: &str, reply: Reply) -> Verdict {
        let Some(id) = self.numbers.get(msg_id).copied() else { return Verdict::Unknown };
        let Some(job) = self.jobs.get_mut(&id) else { return Verdict::Unknown };
        if job.engine.as_ref() != Some(uuid) {
            return Verdict::Unknown;
        }
        let again = match reply {
            Reply::Refused => true,
            Reply::Error if job.retries > 0 => {
                job.retries -= 1;
                true
            }
            _ => false,
        };
        let verdict = if again {
            job.refused.insert(uuid.clone());
            job.engine = None;
            self.place(id);
            Verdict::Again
        } else {
            let job = self.take(id);
            let outcome = Outcome { engine: Some(uuid.clone()), ok: reply == Reply::Ok };
            self.finish(&msg_id.into(), outcome);
            job.map_or(Verdict::Unknown, |job| Verdict::Deliver(Box::new(job)))
        };
        self.release(uuid, id);
        verdict
    }

    /// The engine on which a job ran is dead: try again, or fail.
    pub fn engine_died(&mut self, uuid: &Uuid, id: JobId) {
        let Some(job) = self.jobs.get_mut(&id).filter(|job| job.engine.as_ref() == Some(uuid)) else {
            return;
        };
        job.engine = None;
        if job.retries > 0 {
            job.retries -= 1;
            self.place(id);
        } else if let Some(job) = self.take(id) {
            // The client is told which engine it was.
            self.fail(Job { engine: Some(uuid.clone()), ..job }, Failure::EngineDied);
        }
    }

    /// End the jobs that have waited for too long.
    pub fn expire(&mut self, now: Instant) {
        while let Some((deadline, id)) = self.deadlines.first().copied() {
            if deadline > now {
                break;
            }
            self.deadlines.remove(&(deadline, id));
            // One that runs may take as long as it likes; it can no longer wait for another try.
            if self.jobs.get(&id).is_some_and(|job| job.engine.is_none())
                && let Some(job) = self.take(id)
            {
                self.fail(job, Failure::Timeout);
            }
        }
    }

    /// How many jobs wait or run.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.jobs.len()
    }

    fn count_look(&mut self) {
        #[cfg(test)]
        {
            self.looks += 1;
        }
    }

    /// The engine has one task less.
    fn release(&mut self, uuid: &Uuid, id: JobId) {
        self.unlist(uuid);
        if let Some(engine) = self.engines.get_mut(uuid) {
            engine.load -= usize::from(engine.running.remove(&id));
        }
        self.serve(uuid);
    }

    /// Give waiting jobs to an engine as long as it has room.
    fn serve(&mut self, uuid: &Uuid) {
        self.list(uuid);
        while let Some(engine) = self.engines.get(uuid).filter(|it| self.has_room(it)) {
            let oldest = [self.open.first(), engine.waiting.first()].into_iter().flatten().min().copied();
            let Some(id) = oldest else { return };
            self.count_look();
            self.assign(id, uuid.clone());
        }
    }

    fn has_room(&self, engine: &Engine) -> bool {
        !engine.paused && (self.high_water_mark == 0 || engine.load < self.high_water_mark)
    }

    fn place_of(&self, engine: &Engine) -> Place {
        // Only the scheme `leastload` needs the load in the order; the others choose from all.
        (engine.load, engine.stamp)
    }

    fn list(&mut self, uuid: &Uuid) {
        if let Some(engine) = self.engines.get(uuid).filter(|it| self.has_room(it)) {
            self.free.insert(self.place_of(engine), uuid.clone());
        }
    }

    fn unlist(&mut self, uuid: &Uuid) {
        if let Some(engine) = self.engines.get(uuid) {
            self.free.remove(&self.place_of(engine));
        }
    }

    /// Find the place of a job that does not run: an engine, a queue, or the end.
    fn place(&mut self, id: JobId) {
        self.count_look();
        self.withdraw(id);
        let Some(job) = self.jobs.get(&id) else { return };
        match (job.after.state(), job.follow.state()) {
            (State::Impossible, _) | (_, State::Impossible) => return self.give_up(id, Failure::Impossible),
            (State::Met, State::Met) => {}
            _ => return,
        }
        // One whose time ran out while it was tried on an engine.
        let expired = job.deadline.is_some_and(|deadline| !self.deadlines.contains(&(deadline, id)));
        let follow = job.follow.engines();
        let restricted = !job.targets.is_empty() || follow.is_some();
        if !restricted && job.refused.is_empty() {
            match self.choose_open() {
                Some(uuid) => self.assign(id, uuid),
                None if expired => self.give_up(id, Failure::Timeout),
                None => drop(self.open.insert(id)),
            }
            return;
        }
        let may = |uuid: &Uuid| {
            !job.refused.contains(uuid)
                && (job.targets.is_empty() || job.targets.contains(uuid))
                && follow.as_ref().is_none_or(|engines| engines.contains(uuid))
                && self.engines.contains_key(uuid)
        };
        let candidates: Vec<Uuid> = match (&follow, job.targets.is_empty()) {
            (Some(engines), _) => engines.iter().filter(|it| may(it)).cloned().collect(),
            (None, false) => job.targets.iter().filter(|it| may(it)).cloned().collect(),
            (None, true) => self.engines.keys().filter(|it| may(it)).cloned().collect(),
        };
        if candidates.is_empty() && (restricted || (job.deadline.is_none() && !self.engines.is_empty())) {
            return self.no_engine_left(id, restricted);
        }
        let places: Vec<Place> = candidates
            .iter()
            .filter_map(|uuid| self.engines.get(uuid))
            .filter(|engine| self.has_room(engine))
            .map(|engine| self.place_of(engine))
            .collect();
        let chosen = choose(self.scheme, &places, &mut self.random);
        match chosen.and_then(|place| self.free.get(&place).cloned()) {
            Some(uuid) => self.assign(id, uuid),
            None if expired => self.give_up(id, Failure::Timeout),
            None => self.enqueue(id, candidates, restricted),
        }
    }

    /// Every engine that may run the job has refused it or failed.
    ///
    /// With retries left and no wish for certain engines they are all tried once more; the stock scheduler would let the
    /// job wait for ever.
    fn no_engine_left(&mut self, id: JobId, restricted: bool) {
        match self.jobs.get_mut(&id) {
            Some(job) if !restricted && job.retries > 0 => {
                job.refused.clear();
                self.place(id);
            }
            _ => self.give_up(id, Failure::Impossible),
        }
    }

    fn choose_open(&mut self) -> Option<Uuid> {
        match self.scheme {
            Scheme::LeastLoad => self.free.values().next().cloned(),
            scheme => {
                let places: Vec<Place> = self.free.keys().copied().collect();
                let place = choose(scheme, &places, &mut self.random)?;
                self.free.get(&place).cloned()
            }
        }
    }

    fn enqueue(&mut self, id: JobId, candidates: Vec<Uuid>, restricted: bool) {
        for uuid in &candidates {
            if let Some(engine) = self.engines.get_mut(uuid) {
                engine.waiting.insert(id);
            }
        }
        if let Some(job) = self.jobs.get_mut(&id) {
            job.queued = candidates;
        }
        if !restricted {
            self.excluding.insert(id);
        }
    }

    /// Take a job out of every queue.
    fn withdraw(&mut self, id: JobId) {
        self.open.remove(&id);
        self.excluding.remove(&id);
        let queued = self.jobs.get_mut(&id).map(|job| std::mem::take(&mut job.queued));
        for uuid in queued.unwrap_or_default() {
            if let Some(engine) = self.engines.get_mut(&uuid) {
                engine.waiting.remove(&id);
            }
        }
    }

    fn assign(&mut self, id: JobId, uuid: Uuid) {
        self.withdraw(id);
        self.unlist(&uuid);
        self.newest += 1;
        if let Some(engine) = self.engines.get_mut(&uuid) {
            engine.load += 1;
            engine.stamp = self.newest;
            engine.running.insert(id);
        }
        self.list(&uuid);
        if let Some(job) = self.jobs.get_mut(&id) {
            job.engine = Some(uuid.clone());
            self.actions.push_back(Action::Send(id, uuid));
        }
    }

    /// Remove a job from everywhere.
    fn take(&mut self, id: JobId) -> Option<Job> {
        self.withdraw(id);
        let job = self.jobs.remove(&id)?;
        self.numbers.remove(&job.msg_id);
        if let Some(deadline) = job.deadline {
            self.deadlines.remove(&(deadline, id));
        }
        Some(job)
    }

    fn give_up(&mut self, id: JobId, failure: Failure) {
        if let Some(job) = self.take(id) {
            self.fail(job, failure);
        }
    }

    fn fail(&mut self, job: Job, failure: Failure) {
        let msg_id = job.msg_id.clone();
        let engine = job.engine.clone();
        self.actions.push_back(Action::Fail(Box::new(job), failure));
        self.finish(&msg_id, Outcome { engine, ok: false });
    }

    /// Remember an outcome and tell the jobs that waited for it.
    fn finish(&mut self, msg_id: &Arc<str>, outcome: Outcome) {
        let dependants = self.dependants.remove(msg_id).unwrap_or_default();
        if self.outcomes.insert(msg_id.clone(), outcome.clone()).is_none() {
            self.finished.push_back(msg_id.clone());
        }
        if self.finished.len() > OUTCOMES
            && let Some(oldest) = self.finished.pop_front()
        {
            self.outcomes.remove(&oldest);
        }
        for id in dependants {
            if let Some(job) = self.jobs.get_mut(&id) {
                job.after.note(msg_id, &outcome);
                job.follow.note(msg_id, &outcome);
                if job.engine.is_none() {
                    self.place(id);
                }
            }
        }
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
