use std::time::Duration;

use anympi_wire::{Envelope, Session, Signer};
use anympi_zmq::Message;
use serde_json::{Value, json};

use super::*;

/// A plan, and what it did.
struct Bench {
    plan: Plan,
    session: Session,
    now: Instant,
}

impl Bench {
    fn new(scheme: Scheme, high_water_mark: usize, engines: usize) -> Bench {
        let mut plan = Plan::new(scheme, high_water_mark, 1);
        for engine in 0..engines {
            plan.add_engine(&format!("e{engine}").into());
        }
        let session = Session::new("s", Signer::new("hmac-sha256", b"k").unwrap());
        Bench { plan, session, now: Instant::now() }
    }

    fn submit(&mut self, metadata: Value) -> String {
        let message = self.session.message::<Message>("apply_request").ident("client").metadata(&metadata);
        let msg_id = message.msg_id().to_string();
        let frames = message.build().unwrap();
        let copy = frames.clone();
        let envelope = Envelope::split(&copy).unwrap();
        let job = Job::new(&envelope, &envelope.header_view().unwrap(), frames).unwrap();
        self.plan.submit(job, self.now);
        msg_id
    }

    /// What was decided since: `id>engine` or `id!failure`, in order.
    fn did(&mut self) -> Vec<String> {
        let mut did = Vec::new();
        while let Some(action) = self.plan.next_action() {
            did.push(match action {
                Action::Send(id, uuid) => format!("{}>{uuid}", self.plan.job(id).unwrap().msg_id),
                Action::Fail(job, failure) => format!("{}!{failure:?}", job.msg_id),
            });
        }
        did
    }

    fn reply(&mut self, engine: &str, msg_id: &str, reply: Reply) -> &'static str {
        match self.plan.reply(&engine.into(), msg_id, reply) {
            Verdict::Deliver(_) => "deliver",
            Verdict::Again => "again",
            Verdict::Unknown => "unknown",
        }
    }

    fn ok(&mut self, engine: &str, msg_id: &str) {
        assert_eq!(self.reply(engine, msg_id, Reply::Ok), "deliver");
    }
}

#[test]
fn tasks_spread_and_wait_in_order() {
    let mut bench = Bench::new(Scheme::LeastLoad, 1, 2);
    let ids: Vec<String> = (0..5).map(|_| bench.submit(json!({}))).collect();
    assert_eq!(bench.did(), [format!("{}>e1", ids[0]), format!("{}>e0", ids[1])], "the newest engine first");
    bench.ok("e0", &ids[1]);
    assert_eq!(bench.did(), [format!("{}>e0", ids[2])]);
    bench.ok("e0", &ids[2]);
    bench.ok("e1", &ids[0]);
    assert_eq!(bench.did(), [format!("{}>e0", ids[3]), format!("{}>e1", ids[4])]);
    assert_eq!(bench.reply("e0", &ids[2], Reply::Ok), "unknown", "a second reply");
    assert_eq!(bench.reply("e1", &ids[3], Reply::Ok), "unknown", "not its task");
}

#[test]
fn the_high_water_mark_bounds_each_engine() {
    let mut bench = Bench::new(Scheme::LeastLoad, 3, 2);
    (0..10).for_each(|_| drop(bench.submit(json!({}))));
    assert_eq!(bench.did().len(), 6);
    let mut unlimited = Bench::new(Scheme::LeastRecentlyUsed, 0, 2);
    (0..10).for_each(|_| drop(unlimited.submit(json!({}))));
    let did = unlimited.did();
    assert_eq!(did.iter().filter(|it| it.ends_with("e0")).count(), 5);
    assert_eq!(did.len(), 10);
}

#[test]
fn targets_are_kept_and_others_overtake() {
    let mut bench = Bench::new(Scheme::LeastLoad, 1, 2);
    let first = bench.submit(json!({"targets": ["e0"]}));
    let second = bench.submit(json!({"targets": ["e0"]}));
    let third = bench.submit(json!({}));
    assert_eq!(bench.did(), [format!("{first}>e0"), format!("{third}>e1")]);
    bench.ok("e1", &third);
    assert!(bench.did().is_empty(), "e1 may not run the second");
    bench.ok("e0", &first);
    assert_eq!(bench.did(), [format!("{second}>e0")]);
    let nowhere = bench.submit(json!({"targets": ["e9"]}));
    assert_eq!(bench.did(), [format!("{nowhere}!Impossible")]);
}

#[test]
fn errors_are_retried_elsewhere_and_aborts_are_not() {
    let mut bench = Bench::new(Scheme::LeastLoad, 1, 2);
    let id = bench.submit(json!({"retries": 1}));
    assert_eq!(bench.did(), [format!("{id}>e1")]);
    assert_eq!(bench.reply("e1", &id, Reply::Error), "again");
    assert_eq!(bench.did(), [format!("{id}>e0")]);
    assert_eq!(bench.reply("e0", &id, Reply::Error), "deliver");
    let id = bench.submit(json!({"retries": 5}));
    let engine = bench.did()[0].split_once('>').unwrap().1.to_string();
    assert_eq!(bench.reply(&engine, &id, Reply::Aborted), "deliver");
    assert_eq!(bench.plan.len(), 0);
}

#[test]
fn more_retries_than_engines_end() {
    let mut bench = Bench::new(Scheme::LeastLoad, 1, 2);
    let id = bench.submit(json!({"retries": 5}));
    for round in 0..6 {
        let did = bench.did();
        let engine = did[0].split_once('>').unwrap().1;
        let expected = if round == 5 { "deliver" } else { "again" };
        assert_eq!(bench.reply(engine, &id, Reply::Error), expected, "round {round}");
    }
    let id = bench.submit(json!({"retries": 3, "targets": ["e0"]}));
    bench.did();
    assert_eq!(bench.reply("e0", &id, Reply::Error), "again");
    assert_eq!(bench.did(), [format!("{id}!Impossible")], "its only engine has failed");
}

#[test]
fn retries_with_a_time_limit_end_by_it() {
    let mut bench = Bench::new(Scheme::LeastLoad, 1, 1);
    let id = bench.submit(json!({"retries": 5, "timeout": 0.5}));
    bench.did();
    assert_eq!(bench.reply("e0", &id, Reply::Error), "again");
    assert!(bench.did().is_empty());
    bench.plan.expire(bench.now + Duration::from_secs(1));
    assert_eq!(bench.did(), [format!("{id}!Timeout")]);
}

#[test]
fn a_refused_task_goes_elsewhere_without_cost() {
    let mut bench = Bench::new(Scheme::LeastLoad, 1, 2);
    let id = bench.submit(json!({}));
    bench.did();
    assert_eq!(bench.reply("e1", &id, Reply::Refused), "again");
    assert_eq!(bench.did(), [format!("{id}>e0")]);
    assert_eq!(bench.reply("e0", &id, Reply::Refused), "again");
    assert_eq!(bench.did(), [format!("{id}!Impossible")]);
    let waits = bench.submit(json!({"timeout": 60}));
    bench.did();
    assert_eq!(bench.reply("e1", &waits, Reply::Refused), "again");
    bench.did();
    assert_eq!(bench.reply("e0", &waits, Reply::Refused), "again");
    bench.plan.add_engine(&"e2".into());
    assert_eq!(bench.did(), [format!("{waits}>e2")], "a new engine is tried");
}

#[test]
fn time_limits_count_until_a_task_runs() {
    let mut bench = Bench::new(Scheme::LeastLoad, 1, 1);
    let runs = bench.submit(json!({"timeout": 1.0}));
    let waits = bench.submit(json!({"timeout": 1.0}));
    let patient = bench.submit(json!({"timeout": 0.0}));
    bench.did();
    assert!(bench.plan.next_deadline().is_some());
    bench.plan.expire(bench.now + Duration::from_secs(2));
    assert_eq!(bench.did(), [format!("{waits}!Timeout")]);
    bench.ok("e0", &runs);
    assert_eq!(bench.did(), [format!("{patient}>e0")]);
    assert_eq!(bench.plan.next_deadline(), None);
}

#[test]
fn after_and_follow_hold_tasks_back() {
    let mut bench = Bench::new(Scheme::LeastLoad, 2, 2);
    let first = bench.submit(json!({}));
    let after = bench.submit(json!({"after": [first]}));
    let follow = bench.submit(json!({"follow": {"dependencies": [first]}}));
    assert_eq!(bench.did(), [format!("{first}>e1")]);
    bench.ok("e1", &first);
    let did = bench.did();
    assert!(did.contains(&format!("{follow}>e1")) && did.iter().any(|it| it.starts_with(&after)), "{did:?}");
    let bad = bench.submit(json!({"after": ["never seen"]}));
    assert_eq!(bench.did(), [format!("{bad}!Invalid")]);
}

#[test]
fn failures_make_dependants_impossible_one_after_the_other() {
    let mut bench = Bench::new(Scheme::LeastLoad, 1, 1);
    let first = bench.submit(json!({}));
    let second = bench.submit(json!({"after": [first]}));
    let third = bench.submit(json!({"after": [second]}));
    let on_failure =
        bench.submit(json!({"after": {"dependencies": [third], "success": false, "failure": true}}));
    bench.did();
    assert_eq!(bench.reply("e0", &first, Reply::Error), "deliver");
    let expected =
        [format!("{second}!Impossible"), format!("{third}!Impossible"), format!("{on_failure}>e0")];
    assert_eq!(bench.did(), expected);
}

#[test]
fn a_dead_engines_tasks_are_retried_or_fail() {
    let mut bench = Bench::new(Scheme::LeastLoad, 2, 1);
    let fails = bench.submit(json!({}));
    let again = bench.submit(json!({"retries": 1}));
    let bound = bench.submit(json!({"targets": ["e0"]}));
    bench.did();
    let mut stranded = bench.plan.remove_engine(&"e0".into());
    assert_eq!(bench.did(), [format!("{bound}!Impossible")], "it waited for the dead engine only");
    bench.plan.add_engine(&"e1".into());
    stranded.sort();
    stranded.into_iter().for_each(|id| bench.plan.engine_died(&"e0".into(), id));
    assert_eq!(bench.did(), [format!("{fails}!EngineDied"), format!("{again}>e1")]);
    assert_eq!(bench.reply("e0", &again, Reply::Ok), "unknown", "too late");
    bench.ok("e1", &again);
}

#[test]
fn last_words_of_a_dead_engine_count() {
    let mut bench = Bench::new(Scheme::LeastLoad, 1, 1);
    let id = bench.submit(json!({}));
    bench.did();
    let stranded = bench.plan.remove_engine(&"e0".into());
    bench.ok("e0", &id);
    stranded.into_iter().for_each(|id| bench.plan.engine_died(&"e0".into(), id));
    assert!(bench.did().is_empty());
}

#[test]
fn an_unreachable_engine_is_passed_over_until_it_is_back() {
    let mut bench = Bench::new(Scheme::LeastLoad, 1, 2);
    let id = bench.submit(json!({}));
    assert_eq!(bench.did(), [format!("{id}>e1")]);
    bench.plan.pause(&"e1".into(), 0);
    assert_eq!(bench.did(), [format!("{id}>e0")]);
    let next = bench.submit(json!({}));
    assert!(bench.did().is_empty());
    bench.plan.resume(&"e1".into());
    assert_eq!(bench.did(), [format!("{next}>e1")]);
}

#[test]
fn each_task_is_looked_at_twice_at_most() {
    // The other engines stay free all the time, which costs the stock scheduler a scan of the queue per reply.
    let mut bench = Bench::new(Scheme::LeastLoad, 1, 8);
    let tasks = 2000;
    (0..tasks).for_each(|_| drop(bench.submit(json!({"targets": ["e0", "e1", "e2", "e3"]}))));
    let mut done = 0;
    while done < tasks {
        for did in bench.did() {
            let (id, engine) = did.split_once('>').unwrap();
            bench.ok(engine, id);
            done += 1;
        }
    }
    assert!(bench.plan.looks <= 2 * tasks, "{} looks", bench.plan.looks);
}
