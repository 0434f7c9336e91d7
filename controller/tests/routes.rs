//! Registration, the relays, the schedulers and the death of engines, frame by frame.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::time::Duration;

use common::{Client, Cluster, Engine, assert_silent, parse};
use serde_json::json;

#[test]
fn registration_completes_at_once_and_ids_are_those_asked_for() {
    // Nothing waits for a heartbeat: there is none within the patience of these tests.
    let cluster = Cluster::with(|settings| settings.period = 10 * common::PATIENCE);
    let client = Client::new(&cluster);
    let first = Engine::connecting(&cluster, Some(7));
    client.notified("registration_notification", &first.uuid);
    let second = Engine::new(&cluster, &client);
    let third = Engine::connecting(&cluster, Some(7));
    client.notified("registration_notification", &third.uuid);
    assert_eq!((first.id, second.id, third.id), (7, 8, 9));
    let reply = client.request("connection_request", json!({}));
    assert_eq!(reply.header["msg_type"], "connection_reply");
    assert_eq!(reply.content["engines"], json!({"7": first.uuid, "8": second.uuid, "9": third.uuid}));
}

#[test]
fn late_subscribers_learn_of_the_engines() {
    let cluster = Cluster::start();
    let client = Client::new(&cluster);
    let engine = Engine::new(&cluster, &client);
    Client::new(&cluster).notified("registration_notification", &engine.uuid);
}

#[test]
fn a_new_client_does_not_hear_of_engines_that_were_gone_before_it_came() {
    let cluster = Cluster::start();
    let client = Client::new(&cluster);
    let gone = Engine::new(&cluster, &client);
    let uuid = gone.uuid.clone();
    drop(gone);
    client.notified("unregistration_notification", &uuid);
    let present = Engine::new(&cluster, &client);
    let fresh = Client::new(&cluster);
    let news = fresh.receive(&fresh.notification);
    assert_eq!(news.header["msg_type"], "registration_notification");
    assert_eq!(news.content["uuid"], json!(present.uuid));
}

#[test]
fn a_client_that_was_told_of_an_engine_hears_that_it_is_gone() {
    let cluster = Cluster::start();
    let client = Client::new(&cluster);
    let engine = Engine::new(&cluster, &client);
    let uuid = engine.uuid.clone();
    client.request("connection_request", json!({}));
    drop(engine);
    client.notified("unregistration_notification", &uuid);
    Client::new(&cluster).notified("unregistration_notification", &uuid);
}

#[test]
fn a_restored_controller_has_its_engines_and_counts_on() {
    let mut cluster = Cluster::with(|settings| settings.reuse = true);
    let client = Client::new(&cluster);
    let engine = Engine::new(&cluster, &client);
    cluster.restart();
    // What was sent in the moment of the restart may be lost with the connection, so repeat.
    client.query.set_receive_timeout(Some(Duration::from_millis(100))).unwrap();
    common::until("the controller answers with its engines", || {
        let request = client.session.message::<anympi_zmq::Message>("connection_request").build();
        client.query.send_multipart(&mut request.unwrap()).unwrap();
        client.query.recv_multipart().is_ok_and(|frames| {
            parse(&client.session, frames).content["engines"] == json!({"0": engine.uuid})
        })
    });
    engine.mux.set_receive_timeout(Some(Duration::from_millis(50))).unwrap();
    common::until("the engine is connected again", || {
        client.apply(&client.mux, Some(&engine.uuid), json!({}), "");
        engine.mux.recv_multipart().is_ok()
    });
    let new = Engine::new(&cluster, &client);
    assert_eq!(new.id, 1);
    let uuid = engine.uuid.clone();
    drop(engine);
    client.notified("unregistration_notification", &uuid);
}

#[test]
fn mux_and_control_swap_the_first_two_frames() {
    let cluster = Cluster::start();
    let client = Client::new(&cluster);
    let engine = Engine::new(&cluster, &client);
    for (to, at) in [(&client.mux, &engine.mux), (&client.control, &engine.control)] {
        let msg_id = client.apply(to, Some(&engine.uuid), json!({"label": null}), "argument");
        let request = engine.receive(at);
        assert_eq!((request.idents.len(), &request.header["msg_id"]), (1, &json!(msg_id)));
        assert_eq!(*request.buffers[0], *b"argument");
        engine.ok(at, &request, "result");
        let reply = client.receive(to);
        assert_eq!(reply.idents, [engine.uuid.as_str()]);
        assert_eq!(reply.parent["msg_id"], json!(msg_id));
        assert_eq!(*reply.buffers[0], *b"result");
    }
}

#[test]
fn large_buffers_pass_unchanged() {
    let cluster = Cluster::start();
    let client = Client::new(&cluster);
    let engine = Engine::new(&cluster, &client);
    let large = "x".repeat(20 << 20);
    client.apply(&client.mux, Some(&engine.uuid), json!({}), &large);
    let request = engine.receive(&engine.mux);
    assert!(*request.buffers[0] == *large.as_bytes());
    engine.ok(&engine.mux, &request, &large);
    assert!(*client.receive(&client.mux).buffers[0] == *large.as_bytes());
}

#[test]
fn output_reaches_every_client_unchanged() {
    let cluster = Cluster::start();
    let (one, two) = (Client::new(&cluster), Client::new(&cluster));
    let engine = Engine::new(&cluster, &one);
    // PUB drops what nobody has subscribed to yet, so repeat until both have seen something.
    for client in [&one, &two] {
        client.iopub.set_receive_timeout(Some(Duration::from_millis(20))).unwrap();
        common::until("output arrives", || {
            engine.publish("stream", &json!({"msg_id": "m"}), json!({"name": "stdout", "text": "hi"}));
            client.iopub.try_recv_multipart().unwrap().is_some_and(|frames| {
                let output = parse(&client.session, frames);
                output.idents == ["engine.0.topic"] && output.content["text"] == "hi"
            })
        });
    }
}

#[test]
fn tasks_go_to_engines_and_results_come_back_with_the_engine_in_front() {
    let cluster = Cluster::start();
    let client = Client::new(&cluster);
    let engine = Engine::new(&cluster, &client);
    let wishes =
        json!({"after": [], "follow": [], "timeout": null, "targets": [], "retries": 0, "label": null});
    let ids: Vec<String> = (0..50).map(|_| client.apply(&client.task, None, wishes.clone(), "a")).collect();
    for msg_id in &ids {
        let request = engine.receive(&engine.task);
        assert_eq!((request.idents.len(), &request.header["msg_id"]), (1, &json!(msg_id)));
        engine.ok(&engine.task, &request, "r");
        let reply = client.receive(&client.task);
        assert_eq!((&reply.idents, &reply.parent["msg_id"]), (&vec![engine.uuid.clone()], &json!(msg_id)));
    }
}

#[test]
fn tasks_that_cannot_run_are_answered_by_the_scheduler() {
    let cluster = Cluster::start();
    let client = Client::new(&cluster);
    let cases = [
        (json!({"after": ["unknown"]}), "InvalidDependency"),
        (json!({"targets": ["nobody"]}), "ImpossibleDependency"),
        (json!({"timeout": 0.05}), "TaskTimeout"),
    ];
    for (wishes, name) in cases {
        let msg_id = client.apply(&client.task, None, wishes, "");
        let reply = client.receive(&client.task);
        assert!(reply.idents.is_empty() && reply.header["msg_type"] == "apply_reply");
        assert_eq!((&reply.content["ename"], &reply.parent["msg_id"]), (&json!(name), &json!(msg_id)));
    }
}

#[test]
fn refused_and_failed_tasks_run_elsewhere() {
    let cluster = Cluster::start();
    let client = Client::new(&cluster);
    let engines = [Engine::new(&cluster, &client), Engine::new(&cluster, &client)];
    client.apply(&client.task, None, json!({"retries": 1}), "");
    // The engine that registered last is first in line.
    let request = engines[1].receive(&engines[1].task);
    engines[1].fails(&engines[1].task, &request);
    let request = engines[0].receive(&engines[0].task);
    engines[0].ok(&engines[0].task, &request, "");
    assert_eq!(client.receive(&client.task).idents, [engines[0].uuid.as_str()]);
    client.apply(&client.task, None, json!({}), "");
    let request = engines[1].receive(&engines[1].task);
    let content = json!({"status": "error", "ename": "UnmetDependency", "evalue": "", "traceback": []});
    engines[1].reply(&engines[1].task, &request, json!({"dependencies_met": false}), content, "");
    let request = engines[0].receive(&engines[0].task);
    engines[0].ok(&engines[0].task, &request, "");
    assert_eq!(client.receive(&client.task).content["status"], "ok");
}

#[test]
fn an_engine_that_vanishes_is_noticed_at_once() {
    // Not by its heart: no beat is missed within the patience of these tests.
    let cluster = Cluster::with(|settings| settings.period = 10 * common::PATIENCE);
    let client = Client::new(&cluster);
    let stays = Engine::new(&cluster, &client);
    let dies = Engine::new(&cluster, &client);
    client.apply(&client.mux, Some(&dies.uuid), json!({}), "");
    let lost = client.apply(&client.task, None, json!({"targets": [dies.uuid]}), "");
    let retried = client.apply(&client.task, None, json!({"retries": 1, "targets": []}), "");
    dies.receive(&dies.mux);
    dies.receive(&dies.task);
    let request = stays.receive(&stays.task);
    assert_eq!(request.header["msg_id"], json!(retried));
    let uuid = dies.uuid.clone();
    drop(dies);
    client.notified("unregistration_notification", &uuid);
    let reply = client.receive(&client.task);
    assert_eq!((&reply.content["ename"], &reply.parent["msg_id"]), (&json!("EngineError"), &json!(lost)));
    assert_eq!(reply.metadata["engine"], json!(uuid));
    stays.ok(&stays.task, &request, "");
    assert_eq!(client.receive(&client.task).parent["msg_id"], json!(retried));
    let engines = client.request("connection_request", json!({}));
    assert_eq!(engines.content["engines"].as_object().unwrap().len(), 1);
}

#[test]
fn a_dead_engines_task_is_retried_on_another() {
    let cluster = Cluster::start();
    let client = Client::new(&cluster);
    let stays = Engine::new(&cluster, &client);
    let dies = Engine::new(&cluster, &client);
    let msg_id = client.apply(&client.task, None, json!({"retries": 1}), "");
    dies.receive(&dies.task);
    drop(dies);
    let request = stays.receive(&stays.task);
    assert_eq!(request.header["msg_id"], json!(msg_id));
    stays.ok(&stays.task, &request, "");
    assert_eq!(client.receive(&client.task).content["status"], "ok");
}

#[test]
fn goodbyes_and_silent_hearts_remove_an_engine() {
    let cluster = Cluster::with(|settings| {
        settings.period = Duration::from_millis(50);
        settings.misses_allowed = 4;
    });
    let client = Client::new(&cluster);
    let leaves = Engine::new(&cluster, &client);
    let goodbye = leaves.session.message::<anympi_zmq::Message>("unregistration_request");
    let goodbye = goodbye.content(&json!({"id": leaves.id})).build();
    leaves.registration.send_multipart(&mut goodbye.unwrap()).unwrap();
    client.notified("unregistration_notification", &leaves.uuid);
    let shuts_down = Engine::new(&cluster, &client);
    client.notification.set_receive_timeout(Some(Duration::from_millis(20))).unwrap();
    // Again and again, because what is published before iopub is connected is lost.
    common::until("the engine is removed", || {
        shuts_down.publish("shutdown_reply", &json!({}), json!({"status": "ok"}));
        client.notification.recv_multipart().is_ok_and(|frames| {
            let news = parse(&client.session, frames);
            news.header["msg_type"] == "unregistration_notification"
                && news.content["uuid"] == json!(shuts_down.uuid)
        })
    });
    client.notification.set_receive_timeout(Some(common::PATIENCE)).unwrap();
    // Its sockets stay open, its heart does not beat.
    let mut silent = Engine::new(&cluster, &client);
    silent.stop_heart();
    client.notified("unregistration_notification", &silent.uuid);
}

#[test]
fn broadcast_gives_each_engine_its_own_message() {
    let cluster = Cluster::start();
    let client = Client::new(&cluster);
    let engines: Vec<Engine> = (0..3).map(|_| Engine::new(&cluster, &client)).collect();
    let targets: Vec<_> = engines.iter().map(|engine| json!([engine.uuid, engine.id])).collect();
    let metadata = json!({"targets": targets, "is_broadcast": true, "is_coalescing": false});
    let msg_id = client.apply(&client.broadcast, None, metadata, "argument");
    for engine in &engines {
        let request = engine.receive(&engine.broadcast);
        assert_eq!((request.idents[0].as_str(), request.idents.len()), ("sub_scheduler_0", 2));
        assert_eq!(request.header["msg_id"], json!(format!("{msg_id}_{}", engine.uuid)));
        assert_eq!(request.metadata["original_msg_id"], json!(msg_id));
        let leaf: Vec<_> = engines
            .iter()
            .filter(|it| it.id % 2 == engine.id % 2)
            .map(|it| json!([it.uuid, it.id]))
            .collect();
        assert_eq!(request.metadata["targets"], json!(leaf));
        assert_eq!(*request.buffers[0], *b"argument");
        engine.ok(&engine.broadcast, &request, "result");
        let reply = client.receive(&client.broadcast);
        assert!(reply.idents.is_empty());
        assert_eq!(reply.parent["msg_id"], request.header["msg_id"]);
    }
}

#[test]
fn coalescing_makes_one_reply_in_the_order_of_targets() {
    let cluster = Cluster::start();
    let client = Client::new(&cluster);
    let engines: Vec<Engine> = (0..3).map(|_| Engine::new(&cluster, &client)).collect();
    let targets: Vec<_> = engines.iter().map(|engine| json!([engine.uuid, engine.id])).collect();
    let metadata = json!({"targets": targets, "is_broadcast": true, "is_coalescing": true});
    let send = || client.apply(&client.broadcast, None, metadata.clone(), "");
    let msg_id = send();
    for (number, engine) in engines.iter().enumerate().rev() {
        let request = engine.receive(&engine.broadcast);
        engine.ok(&engine.broadcast, &request, &format!("r{number}"));
    }
    let reply = client.receive(&client.broadcast);
    assert_eq!(reply.metadata["original_msg_id"], json!(msg_id));
    assert_eq!(reply.metadata["broadcast_targets"], json!(targets));
    let buffers: Vec<String> =
        reply.buffers.iter().map(|it| String::from_utf8_lossy(it).into_owned()).collect();
    assert_eq!(buffers, ["r0", "r1", "r2"]);
    // An error of any engine is the error of all, whichever comes last.
    send();
    for (number, engine) in engines.iter().enumerate() {
        let request = engine.receive(&engine.broadcast);
        match number {
            1 => engine.fails(&engine.broadcast, &request),
            _ => engine.ok(&engine.broadcast, &request, ""),
        }
    }
    let reply = client.receive(&client.broadcast);
    assert_eq!((&reply.content["ename"], reply.buffers.len()), (&json!("Oh"), 0));
    // A dead engine ends the task for the client by notification; no reply comes, and the next one works.
    send();
    let mut engines = engines.into_iter();
    let (first, dies) = (engines.next().unwrap(), engines.next().unwrap());
    let request = first.receive(&first.broadcast);
    let uuid = dies.uuid.clone();
    drop(dies);
    client.notified("unregistration_notification", &uuid);
    first.ok(&first.broadcast, &request, "");
    assert_silent(&client.broadcast);
    let metadata = json!({"targets": [[first.uuid, first.id]], "is_broadcast": true, "is_coalescing": true});
    client.apply(&client.broadcast, None, metadata, "");
    let request = first.receive(&first.broadcast);
    first.ok(&first.broadcast, &request, "alone");
    assert_eq!(*client.receive(&client.broadcast).buffers[0], *b"alone");
}
