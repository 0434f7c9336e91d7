//! Malformed, unsigned, foreign and replayed messages on every socket: dropped, and the process lives on.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::io::Write;

use anympi_wire::{Session, Signer, random_id};
use anympi_zmq::{Message, Multipart, Socket, SocketType};
use common::{Client, Cluster, Engine, assert_silent};
use serde_json::json;

fn garbage() -> Vec<Multipart> {
    let frames = |parts: &[&str]| parts.iter().map(|part| Message::from(*part)).collect::<Multipart>();
    let mut all = vec![
        frames(&[""]),
        frames(&["", "", ""]),
        frames(&["<IDS|MSG>"]),
        frames(&["<IDS|MSG>", "", "{}", "{}", "{}"]),
        frames(&["<IDS|MSG>", "", "{}", "{}", "{}", "{}"]),
        frames(&["x", "<IDS|MSG>", "0", "not json", "{", "[", "\u{0}"]),
        frames(&["\u{1}"]),
        frames(&["x", "y", "<IDS|MSG>", "00", "{}", "{}", "{}", "{}", "buffer"]),
    ];
    all.push((0..300).map(|number: i32| Message::from(number.to_string())).collect());
    all.push(vec![Message::from(vec![0xff; 1 << 20])]);
    all
}

/// One direct, one balanced and one broadcast task, a query and a heartbeat: everything still works.
fn everything_works(cluster: &Cluster, client: &Client, engine: &Engine) {
    client.apply(&client.mux, Some(&engine.uuid), json!({}), "");
    let request = engine.receive(&engine.mux);
    engine.ok(&engine.mux, &request, "");
    assert_eq!(client.receive(&client.mux).content["status"], "ok");
    client.apply(&client.task, None, json!({}), "");
    let request = engine.receive(&engine.task);
    engine.ok(&engine.task, &request, "");
    assert_eq!(client.receive(&client.task).content["status"], "ok");
    let targets = json!({"targets": [[engine.uuid, engine.id]], "is_broadcast": true, "is_coalescing": true});
    client.apply(&client.broadcast, None, targets, "");
    let request = engine.receive(&engine.broadcast);
    engine.ok(&engine.broadcast, &request, "");
    assert_eq!(client.receive(&client.broadcast).content["status"], "ok");
    client.apply(&client.control, Some(&engine.uuid), json!({}), "");
    engine.receive(&engine.control);
    client.request("history_request", json!({}));
    // A new engine can register: the heart monitor lives.
    let _ = Engine::new(cluster, client);
}

#[test]
fn garbage_on_every_socket_is_dropped() {
    let cluster = Cluster::start();
    let client = Client::new(&cluster);
    let engine = Engine::new(&cluster, &client);
    let (to_client, to_engine) = (&cluster.client, &cluster.engine);
    let mut ports = vec![to_client.registration, to_client.control, to_client.mux, to_client.task];
    ports.extend([to_client.broadcast, to_engine.control, to_engine.mux, to_engine.task, to_engine.hb_pong]);
    ports.extend(&to_engine.broadcast);
    let mut sockets: Vec<Socket> =
        ports.iter().map(|port| cluster.socket(SocketType::Dealer, "", *port)).collect();
    for port in [to_client.iopub, to_client.notification, to_engine.hb_ping] {
        // XPUB and PUB take subscriptions only.
        sockets.push(cluster.socket(SocketType::Xsub, "", port));
    }
    sockets.push(cluster.socket(SocketType::Pub, "", to_engine.iopub));
    for socket in &sockets {
        for mut frames in garbage() {
            socket.send_multipart(&mut frames).unwrap();
        }
    }
    // Engines' own sockets, whose identity is known.
    for socket in [&engine.mux, &engine.task, &engine.broadcast, &engine.control, &engine.registration] {
        for mut frames in garbage() {
            socket.send_multipart(&mut frames).unwrap();
        }
    }
    // No ZeroMQ at all.
    ports.extend([to_client.iopub, to_client.notification, to_engine.hb_ping, to_engine.iopub]);
    for port in &ports {
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", *port)).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    }
    everything_works(&cluster, &client, &engine);
}

#[test]
fn unsigned_and_foreign_messages_have_no_effect() {
    let cluster = Cluster::start();
    let client = Client::new(&cluster);
    let engine = Engine::new(&cluster, &client);
    for key in [&b""[..], b"another key"] {
        let foreign = Session::new(random_id().unwrap(), Signer::new("hmac-sha256", key).unwrap());
        let targets =
            json!({"targets": [[engine.uuid, engine.id]], "is_broadcast": true, "is_coalescing": false});
        for (socket, kind, metadata) in [
            (&client.query, "connection_request", json!({})),
            (&client.query, "shutdown_request", json!({})),
            (&client.query, "registration_request", json!({})),
            (&client.task, "apply_request", json!({})),
            (&client.broadcast, "apply_request", targets),
        ] {
            let message = foreign.message::<Message>(kind).metadata(&metadata);
            let message = message.content(&json!({"uuid": "intruder"}));
            socket.send_multipart(&mut message.build().unwrap()).unwrap();
        }
        // An engine's goodbye and reply in another's name.
        let goodbye = foreign.message::<Message>("unregistration_request").content(&json!({"id": engine.id}));
        client.query.send_multipart(&mut goodbye.build().unwrap()).unwrap();
    }
    for socket in [&client.query, &client.task, &client.broadcast, &engine.task, &engine.broadcast] {
        assert_silent(socket);
    }
    let engines = client.request("connection_request", json!({})).content["engines"].clone();
    assert_eq!(engines, json!({"0": engine.uuid}));
    everything_works(&cluster, &client, &engine);
}

#[test]
fn replays_are_refused_where_messages_are_acted_upon() {
    let cluster = Cluster::start();
    let client = Client::new(&cluster);
    let engine = Engine::new(&cluster, &client);
    let targets =
        json!({"targets": [[engine.uuid, engine.id]], "is_broadcast": true, "is_coalescing": false});
    let request =
        |kind: &str, metadata| client.session.message::<Message>(kind).metadata(&metadata).build().unwrap();
    // Hub: one reply to two equal requests.
    let message = request("history_request", json!({}));
    (0..2).for_each(|_| client.query.send_multipart(&mut message.clone()).unwrap());
    client.receive(&client.query);
    assert_silent(&client.query);
    // Task and broadcast: one request to the engine.
    for (socket, at, metadata) in
        [(&client.task, &engine.task, json!({})), (&client.broadcast, &engine.broadcast, targets)]
    {
        let message = request("apply_request", metadata);
        (0..2).for_each(|_| socket.send_multipart(&mut message.clone()).unwrap());
        let received = engine.receive(at);
        engine.ok(at, &received, "");
        client.receive(socket);
        assert_silent(at);
    }
    everything_works(&cluster, &client, &engine);
}
