//! The runtime against a controller made of bare sockets: what goes over the wire, frame by frame.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::time::{Duration, Instant};

use anympi_engine::runtime::{Answer, Engine, Next, Options, Publication, RegistrationError, Stream};
use anympi_wire::{EngineConnection, Envelope, Session, Signer};
use anympi_zmq::{Context, Error, Message, Multipart, Socket, SocketType};
use serde_json::{Value, json};

const UUID: &str = "aaaaaaaa-bbbbbbbbbbbbbbbbbbbbbbbb";
const KEY: &[u8] = b"secret";

/// How long anything may take to come about. No test waits so long unless it fails; a busy build server is slow.
const PATIENCE: Duration = Duration::from_secs(90);

struct Controller {
    registration: Socket,
    mux: Socket,
    control: Socket,
    iopub: Socket,
    _others: Vec<Socket>,
    connection: EngineConnection,
    session: Session,
    context: Context,
}

impl Controller {
    fn start() -> Controller {
        let context = Context::new().unwrap();
        let bound = |kind: SocketType, identity: &str| {
            let socket = context.socket(kind).unwrap();
            if kind == SocketType::Sub {
                socket.subscribe(b"").unwrap();
            }
            socket.set_identity(identity.as_bytes()).unwrap();
            socket.set_receive_timeout(Some(PATIENCE)).unwrap();
            let port = socket.bind_port("tcp://127.0.0.1", 0).unwrap();
            (socket, port)
        };
        let (registration, registration_port) = bound(SocketType::Router, "hub");
        let (mux, mux_port) = bound(SocketType::Router, "mux_out");
        let (task, task_port) = bound(SocketType::Router, "task_out");
        let (control, control_port) = bound(SocketType::Router, "control_out");
        let (leaf, leaf_port) = bound(SocketType::Router, "sub_scheduler_00");
        let (iopub, iopub_port) = bound(SocketType::Sub, "iopub");
        let (ping, ping_port) = bound(SocketType::Pub, "ping");
        let (pong, pong_port) = bound(SocketType::Router, "pong");
        let connection = EngineConnection {
            ssh: String::new(),
            interface: "tcp://127.0.0.1".into(),
            registration: registration_port,
            control: control_port,
            mux: mux_port,
            task: task_port,
            iopub: iopub_port,
            hb_ping: ping_port,
            hb_pong: pong_port,
            broadcast: vec![leaf_port],
            key: String::from_utf8(KEY.to_vec()).unwrap(),
            curve_serverkey: None,
            location: String::new(),
            pack: "json".into(),
            unpack: "json".into(),
            signature_scheme: "hmac-sha256".into(),
        };
        let session = Session::new("controller", Signer::new("hmac-sha256", KEY).unwrap());
        let others = vec![task, leaf, ping, pong];
        Controller { registration, mux, control, iopub, _others: others, connection, session, context }
    }

    fn engine(&self, timeout: Duration) -> Engine {
        let session = Session::new(UUID, self.connection.signer().unwrap());
        let options =
            Options { connection: self.connection.clone(), id: Some(3), timeout, maximum_misses: 0 };
        Engine::start(session, options, Box::new(|reason| panic!("{reason}"))).unwrap()
    }

    fn answer_registration(&self, content: &Value) {
        let request = self.registration.recv_multipart().unwrap();
        let envelope = Envelope::split(&request).unwrap();
        assert_eq!(envelope.content::<Value>().unwrap(), json!({"uuid": UUID, "id": 3}));
        let message = self.session.message("registration_reply").ident(Message::from(UUID)).content(content);
        self.registration.send_multipart(&mut message.build().unwrap()).unwrap();
    }

    /// A registered engine.
    fn registered(&self) -> Engine {
        let engine = self.engine(PATIENCE);
        self.answer_registration(&json!({"id": 3, "status": "ok", "hb_period": 1000}));
        assert_eq!(engine.wait_registered().unwrap(), 3);
        self.wait_for_output(&engine);
        for socket in [&self.mux, &self.control] {
            self.wait_for_route(socket);
        }
        engine
    }

    /// What an engine publishes before the subscription has reached it is lost, so it speaks until it is heard.
    fn wait_for_output(&self, engine: &Engine) {
        let end = Instant::now() + PATIENCE;
        self.iopub.set_receive_timeout(Some(Duration::from_millis(20))).unwrap();
        loop {
            engine.write(Stream::Stdout, None, "can you hear me?\n");
            if self.iopub.recv_multipart().is_ok() {
                break;
            }
            assert!(Instant::now() < end, "the engine is not heard");
        }
        self.iopub.set_receive_timeout(Some(PATIENCE)).unwrap();
        engine.write(Stream::Stdout, None, "yes\n");
        while !self.published().content["text"].as_str().unwrap().ends_with("yes\n") {}
    }

    /// A message to an engine whose connection is not there yet would be dropped, so send rubbish until that is no error.
    fn wait_for_route(&self, socket: &Socket) {
        socket.set_router_mandatory(true).unwrap();
        let end = Instant::now() + PATIENCE;
        while let Err(error) =
            socket.send_multipart(&mut Multipart::from([Message::from(UUID), Message::from("")]))
        {
            assert!(matches!(error, Error::HostUnreachable { .. }) && Instant::now() < end, "{error}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Send a request; returns its id.
    fn send(
        &self,
        socket: &Socket,
        msg_type: &str,
        metadata: &Value,
        content: &Value,
        buffers: &[&str],
    ) -> String {
        let message = self
            .session
            .message(msg_type)
            .idents([UUID, "client"].map(Message::from))
            .metadata(metadata)
            .content(content)
            .buffers(buffers.iter().map(|text| Message::from(*text)));
        let id = message.msg_id().to_owned();
        socket.send_multipart(&mut message.build().unwrap()).unwrap();
        id
    }

    fn apply(&self, metadata: &Value) -> String {
        self.send(&self.mux, "apply_request", metadata, &json!({}), &["f", "args"])
    }

    fn published(&self) -> Received {
        Received::of(self.iopub.recv_multipart().unwrap())
    }
}

#[derive(Debug)]
struct Received {
    routing: Vec<String>,
    header: Value,
    parent: Value,
    metadata: Value,
    content: Value,
    buffers: Vec<String>,
}

impl Received {
    fn of(frames: Multipart) -> Received {
        let envelope = Envelope::split(&frames).unwrap();
        Signer::new("hmac-sha256", KEY).unwrap().verify(&envelope).unwrap();
        let json = |bytes: &[u8]| serde_json::from_slice(bytes).unwrap();
        let text = |frames: &[Message]| {
            frames.iter().map(|frame| String::from_utf8_lossy(frame).into_owned()).collect::<Vec<_>>()
        };
        Received {
            routing: text(envelope.idents),
            header: json(envelope.header),
            parent: json(envelope.parent),
            metadata: json(envelope.metadata),
            content: json(envelope.content),
            buffers: text(envelope.buffers),
        }
    }

    fn msg_type(&self) -> &str {
        self.header["msg_type"].as_str().unwrap()
    }

    fn parent_id(&self) -> &str {
        self.parent["msg_id"].as_str().unwrap_or_default()
    }
}

fn next(engine: &Engine) -> anympi_engine::runtime::Request {
    loop {
        match engine.next_request(None) {
            Next::Request(request) => return request,
            Next::Signal => {}
            Next::Stop => panic!("the engine stops"),
        }
    }
}

#[test]
fn a_request_is_announced_answered_and_done_in_order() {
    let controller = Controller::start();
    let engine = controller.registered();
    let label =
        json!({"is_broadcast": true, "is_coalescing": true, "original_msg_id": "original", "label": "mine"});
    let id = controller.apply(&label);
    let mut request = next(&engine);
    assert_eq!(request.msg_type, "apply_request");
    assert_eq!(request.buffers.len(), 2);
    engine.write(Stream::Stdout, Some(&request.parent), "printed\n");
    engine.publish(Publication {
        msg_type: "display_data",
        topic: Some(b"engine.3.displaypub"),
        parent: Some(&request.parent.header),
        content: br#"{"data":{}}"#,
        ..Publication::default()
    });
    engine.answer(
        &mut request,
        Answer { status: "ok", buffers: vec![Message::from("result")], ..Answer::default() },
    );
    engine.done(&request);
    let order: Vec<Received> = (0..4).map(|_| controller.published()).collect();
    let types: Vec<&str> = order.iter().map(Received::msg_type).collect();
    assert_eq!(types, ["status", "stream", "display_data", "status"]);
    assert!(order.iter().all(|message| message.parent_id() == id && message.header["session"] == UUID));
    assert_eq!(order[0].content["execution_state"], "busy");
    assert_eq!(order[1].content, json!({"name": "stdout", "text": "printed\n"}));
    assert_eq!(order[1].routing, ["engine.3.stdout"]);
    assert_eq!(order[2].routing, ["engine.3.displaypub"]);
    assert_eq!(order[3].content["execution_state"], "idle");
    let reply = Received::of(controller.mux.recv_multipart().unwrap());
    assert_eq!(reply.routing, [UUID, "client"]);
    assert_eq!((reply.msg_type(), reply.parent_id()), ("apply_reply", id.as_str()));
    assert_eq!(reply.content, json!({"status": "ok"}));
    assert_eq!(reply.buffers, ["result"]);
    let keys: Vec<&String> = reply.metadata.as_object().unwrap().keys().collect();
    let wanted = "started dependencies_met engine is_broadcast is_coalescing original_msg_id label status";
    assert_eq!(keys, wanted.split(' ').collect::<Vec<_>>());
    assert_eq!(reply.metadata["original_msg_id"], "original");
    assert_eq!(reply.metadata["label"], "mine");
    engine.close();
}

#[test]
fn an_unmet_dependency_is_told_to_the_scheduler() {
    let controller = Controller::start();
    let engine = controller.registered();
    controller.apply(&json!({}));
    let mut request = next(&engine);
    let error_name = Some("UnmetDependency");
    engine.answer(&mut request, Answer { status: "error", error_name, ..Answer::default() });
    engine.done(&request);
    let reply = Received::of(controller.mux.recv_multipart().unwrap());
    assert_eq!(reply.metadata["dependencies_met"], false);
    assert_eq!(reply.metadata["engine_info"], json!({"engine_uuid": UUID, "engine_id": 3}));
    engine.close();
}

#[test]
fn control_is_served_while_the_main_thread_works() {
    let controller = Controller::start();
    let engine = controller.registered();
    controller.apply(&json!({}));
    let _working = next(&engine);
    let waiting = controller.apply(&json!({"label": 1}));
    let late = {
        // An abort that overtakes its request.
        let message = controller
            .session
            .message::<Message>("apply_request")
            .idents([UUID, "client"].map(Message::from));
        let id = message.msg_id().to_owned();
        (id, message.build().unwrap())
    };
    // Both have surely arrived when the first one is aborted.
    std::thread::sleep(Duration::from_millis(200));
    let content = json!({"msg_ids": [waiting, late.0]});
    controller.send(&controller.control, "abort_request", &json!({}), &content, &[]);
    let reply = Received::of(controller.control.recv_multipart().unwrap());
    assert_eq!((reply.msg_type(), &reply.content), ("abort_reply", &json!({"status": "ok"})));
    let mut frames = late.1;
    controller.mux.send_multipart(&mut frames).unwrap();
    for id in [&waiting, &late.0] {
        let reply = Received::of(controller.mux.recv_multipart().unwrap());
        assert_eq!((reply.msg_type(), reply.parent_id()), ("apply_reply", id.as_str()));
        assert_eq!(
            (&reply.content["status"], &reply.metadata["status"]),
            (&json!("aborted"), &json!("aborted"))
        );
    }
    controller.send(&controller.control, "signal_request", &json!({}), &json!({"sig": "SIGNOPE"}), &[]);
    let reply = Received::of(controller.control.recv_multipart().unwrap());
    assert_eq!(reply.content["status"], "error");
    controller.send(&controller.control, "clear_request", &json!({}), &json!({}), &[]);
    assert_eq!(engine.next_control().unwrap().msg_type, "clear_request");
    engine.close();
    assert!(engine.next_control().is_none());
}

#[test]
fn rubbish_on_every_channel_is_survived() {
    let controller = Controller::start();
    let engine = controller.registered();
    for socket in [&controller.mux, &controller.control] {
        for rubbish in [
            vec!["x"],
            vec!["client", "<IDS|MSG>"],
            vec!["c", "<IDS|MSG>", "", "{", "{}", "{}", "{}"],
            vec![""],
        ] {
            let mut frames: Multipart = [UUID].into_iter().chain(rubbish).map(Message::from).collect();
            socket.send_multipart(&mut frames).unwrap();
        }
    }
    let mut forged = Session::new("x", Signer::new("hmac-sha256", b"other").unwrap())
        .message("apply_request")
        .idents([UUID, "client"].map(Message::from))
        .build()
        .unwrap();
    controller.mux.send_multipart(&mut forged).unwrap();
    let id = controller.apply(&json!({}));
    assert_eq!(next(&engine).parent.msg_id, id, "the first request that arrives is the first good one");
    engine.close();
}

#[test]
fn the_engine_says_goodbye() {
    let controller = Controller::start();
    let engine = controller.registered();
    engine.write(Stream::Stderr, None, "last words");
    engine.close();
    let goodbye = Received::of(controller.registration.recv_multipart().unwrap());
    assert_eq!((goodbye.msg_type(), &goodbye.content), ("unregistration_request", &json!({"id": 3})));
    assert_eq!(controller.published().content["text"], "last words");
    assert!(matches!(engine.next_request(None), Next::Stop));
}

#[test]
fn a_registration_fails_in_three_ways() {
    let controller = Controller::start();
    let engine = controller.engine(PATIENCE);
    let refusal = json!({"status": "error", "ename": "KeyError", "evalue": "taken", "traceback": [], "engine_info": {}});
    controller.answer_registration(&refusal);
    let error = engine.wait_registered().unwrap_err();
    assert!(
        matches!(&error, RegistrationError::Refused { reason, .. } if reason.contains("taken")),
        "{error}"
    );
    let silent = controller.engine(Duration::from_secs(1));
    assert!(matches!(silent.wait_registered(), Err(RegistrationError::NoAnswer { .. })));
    let mut nowhere = Controller::start();
    let port = nowhere.context.socket(SocketType::Router).unwrap().bind_port("tcp://127.0.0.1", 0).unwrap();
    nowhere.connection.registration = port;
    let lost = nowhere.engine(Duration::from_millis(300));
    assert!(matches!(lost.wait_registered(), Err(RegistrationError::NobodyThere { .. })));
}
