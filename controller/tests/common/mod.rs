//! A controller in this process, and raw clients and engines made of sockets and the wire crate.

#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use anympi_controller::{Controller, Settings};
use anympi_wire::{
    ClientConnection, EngineConnection, Envelope, Profile, ProfileOptions, Session, random_id,
};
use anympi_zmq::{Context, Message, Multipart, Socket, SocketType};
use serde_json::{Value, json};

/// How long anything may take to come about. No test waits so long unless it fails; a busy build server is slow.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// A running controller with a profile of its own. Ends with the test.
pub struct Cluster {
    pub directory: tempfile::TempDir,
    pub client: ClientConnection,
    pub engine: EngineConnection,
    pub context: Context,
    controller: Option<Controller>,
}

impl Cluster {
    pub fn start() -> Cluster {
        Self::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut Settings)) -> Cluster {
        let directory = tempfile::tempdir().unwrap();
        let mut settings = Settings::new(profile(&directory));
        change(&mut settings);
        let controller = Controller::start(settings).unwrap();
        let (client, engine) = (controller.client.clone(), controller.engine.clone());
        let context = Context::new().unwrap();
        Cluster { directory, client, engine, context, controller: Some(controller) }
    }

    /// End the controller (which must have been started with `reuse`) and start it again as `--restore` does.
    pub fn restart(&mut self) {
        self.controller.take().unwrap().stop();
        let mut settings = Settings::new(profile(&self.directory));
        (settings.reuse, settings.restore) = (true, true);
        self.controller = Some(Controller::start(settings).unwrap());
    }

    pub fn controller(&self) -> &Controller {
        self.controller.as_ref().unwrap()
    }

    pub fn socket(&self, kind: SocketType, identity: &str, port: u16) -> Socket {
        let socket = self.context.socket(kind).unwrap();
        socket.set_high_water_mark(0).unwrap();
        socket.set_linger(Some(Duration::ZERO)).unwrap();
        socket.set_receive_timeout(Some(PATIENCE)).unwrap();
        if !identity.is_empty() {
            socket.set_identity(identity.as_bytes()).unwrap();
        }
        if kind == SocketType::Sub {
            socket.subscribe(b"").unwrap();
        }
        socket.connect(&format!("{}:{port}", self.client.interface)).unwrap();
        socket
    }
}

pub fn profile(directory: &tempfile::TempDir) -> Profile {
    let profile_dir = Some(directory.path().join("profile"));
    Profile::locate(&ProfileOptions { profile_dir, ..ProfileOptions::default() }).unwrap()
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(controller) = self.controller.take() {
            controller.stop();
        }
    }
}

/// A received message, parsed.
#[derive(Debug)]
pub struct Received {
    pub frames: Multipart,
    pub idents: Vec<String>,
    pub header: Value,
    pub parent: Value,
    pub metadata: Value,
    pub content: Value,
    pub buffers: Vec<Message>,
}

pub fn parse(session: &Session, frames: Multipart) -> Received {
    let envelope = Envelope::split(&frames).unwrap();
    session.signer().verify(&envelope).unwrap();
    let json = |bytes: &[u8]| serde_json::from_slice(bytes).unwrap();
    Received {
        idents: envelope.idents.iter().map(|it| String::from_utf8_lossy(it).into_owned()).collect(),
        header: json(envelope.header),
        parent: json(envelope.parent),
        metadata: json(envelope.metadata),
        content: json(envelope.content),
        buffers: envelope.buffers.to_vec(),
        frames: frames.clone(),
    }
}

pub fn receive(session: &Session, socket: &Socket) -> Received {
    parse(session, socket.recv_multipart().unwrap())
}

/// That nothing arrives for a while.
pub fn assert_silent(socket: &Socket) {
    socket.set_receive_timeout(Some(Duration::from_millis(300))).unwrap();
    let result = socket.recv_multipart();
    assert!(result.is_err(), "unexpected: {result:?}");
    socket.set_receive_timeout(Some(PATIENCE)).unwrap();
}

pub fn until(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < end, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A client's sockets.
pub struct Client {
    pub session: Session,
    pub query: Socket,
    pub mux: Socket,
    pub control: Socket,
    pub task: Socket,
    pub broadcast: Socket,
    pub notification: Socket,
    pub iopub: Socket,
}

impl Client {
    pub fn new(cluster: &Cluster) -> Client {
        let it = &cluster.client;
        let dealer = |port| cluster.socket(SocketType::Dealer, "", port);
        Client {
            session: Session::new(random_id().unwrap(), it.signer().unwrap()),
            query: dealer(it.registration),
            mux: dealer(it.mux),
            control: dealer(it.control),
            task: dealer(it.task),
            broadcast: dealer(it.broadcast),
            notification: cluster.socket(SocketType::Sub, "", it.notification),
            iopub: cluster.socket(SocketType::Sub, "", it.iopub),
        }
    }

    pub fn request(&self, kind: &str, content: Value) -> Received {
        let message = self.session.message::<Message>(kind).content(&content);
        let msg_id = message.msg_id().to_string();
        self.query.send_multipart(&mut message.build().unwrap()).unwrap();
        let reply = receive(&self.session, &self.query);
        assert_eq!(reply.parent["msg_id"], json!(msg_id));
        reply
    }

    /// Send an apply request; the message id.
    pub fn apply(&self, socket: &Socket, engine: Option<&str>, metadata: Value, buffer: &str) -> String {
        let mut message = self.session.message::<Message>("apply_request");
        if let Some(engine) = engine {
            message = message.ident(engine);
        }
        let message = message.metadata(&metadata).buffers([Message::from(buffer)]);
        let msg_id = message.msg_id().to_string();
        socket.send_multipart(&mut message.build().unwrap()).unwrap();
        msg_id
    }

    pub fn receive(&self, socket: &Socket) -> Received {
        receive(&self.session, socket)
    }

    /// Wait for the notification of this type about this engine.
    pub fn notified(&self, kind: &str, uuid: &str) {
        loop {
            let news = self.receive(&self.notification);
            if news.header["msg_type"] == json!(kind) && news.content["uuid"] == json!(uuid) {
                return;
            }
        }
    }
}

/// An engine's sockets. Heartbeats are returned by a thread that ends with the engine.
pub struct Engine {
    pub session: Session,
    pub uuid: String,
    pub id: i64,
    pub registration: Socket,
    pub mux: Socket,
    pub task: Socket,
    pub broadcast: Socket,
    pub control: Socket,
    pub iopub: Socket,
    heart: Option<(std::sync::mpsc::Sender<()>, std::thread::JoinHandle<()>)>,
}

impl Engine {
    /// Register, connect, and wait until a client would see it.
    pub fn new(cluster: &Cluster, client: &Client) -> Engine {
        let engine = Engine::connecting(cluster, None);
        client.notified("registration_notification", &engine.uuid);
        engine
    }

    pub fn connecting(cluster: &Cluster, id: Option<i64>) -> Engine {
        let uuid = random_id().unwrap();
        let it = &cluster.engine;
        let session = Session::new(uuid.clone(), it.signer().unwrap());
        let registration = cluster.socket(SocketType::Dealer, &uuid, it.registration);
        let mut content = json!({"uuid": uuid});
        if let Some(id) = id {
            content["id"] = json!(id);
        }
        let message = session.message::<Message>("registration_request").content(&content);
        registration.send_multipart(&mut message.build().unwrap()).unwrap();
        let reply = receive(&session, &registration);
        assert_eq!((&reply.content["status"], &reply.parent), (&json!("ok"), &json!({})), "{reply:?}");
        let id = reply.content["id"].as_i64().unwrap();
        let dealer = |port| cluster.socket(SocketType::Dealer, &uuid, port);
        let (mux, task, control) = (dealer(it.mux), dealer(it.task), dealer(it.control));
        let broadcast = dealer(it.broadcast_port(id as u64).unwrap());
        let iopub = cluster.socket(SocketType::Pub, "", it.iopub);
        let ping = cluster.socket(SocketType::Sub, "", it.hb_ping);
        ping.set_receive_timeout(Some(Duration::from_millis(20))).unwrap();
        let pong = dealer(it.hb_pong);
        let (stop, stopped) = std::sync::mpsc::channel();
        let heart = std::thread::spawn(move || {
            while stopped.try_recv() != Err(std::sync::mpsc::TryRecvError::Disconnected) {
                if let Ok(mut beat) = ping.recv_multipart() {
                    pong.send_multipart(&mut beat).unwrap();
                }
            }
        });
        let heart = Some((stop, heart));
        Engine { session, uuid, id, registration, mux, task, broadcast, control, iopub, heart }
    }

    /// Reply to a request with its parent, in success unless the content says otherwise.
    pub fn reply(&self, socket: &Socket, request: &Received, metadata: Value, content: Value, buffer: &str) {
        let mut all = json!({
            "started": "2026-11-22T07:55:58.343177Z", "dependencies_met": true, "engine": self.uuid,
            "is_broadcast": request.metadata.get("is_broadcast").is_some(),
            "is_coalescing": request.metadata.get("is_coalescing") == Some(&json!(true)),
            "original_msg_id": request.metadata.get("original_msg_id").cloned().unwrap_or(json!("")),
            "label": null, "status": content["status"],
        });
        for (key, value) in metadata.as_object().unwrap() {
            all[key] = value.clone();
        }
        let parent = request.header.to_string();
        let message = self.session.message::<Message>("apply_reply");
        let message = message.idents(request.idents.iter().map(|it| Message::from(it.as_bytes().to_vec())));
        let message = message.parent(parent.as_bytes()).metadata(&all).content(&content);
        // Identities that are not text must come back as they came.
        let place = request.frames.iter().position(|it| **it == *anympi_wire::DELIMITER).unwrap();
        let mut frames = message.buffers([Message::from(buffer)]).build().unwrap();
        frames.splice(..place, request.frames[..place].iter().cloned());
        socket.send_multipart(&mut frames).unwrap();
    }

    pub fn ok(&self, socket: &Socket, request: &Received, buffer: &str) {
        self.reply(socket, request, json!({}), json!({"status": "ok"}), buffer);
    }

    pub fn fails(&self, socket: &Socket, request: &Received) {
        let content = json!({"status": "error", "ename": "Oh", "evalue": "no", "traceback": ["x"]});
        self.reply(socket, request, json!({}), content, "");
    }

    pub fn receive(&self, socket: &Socket) -> Received {
        receive(&self.session, socket)
    }

    pub fn publish(&self, kind: &str, parent: &Value, content: Value) {
        let parent = parent.to_string();
        let message = self.session.message::<Message>(kind).ident("engine.0.topic").parent(parent.as_bytes());
        self.iopub.send_multipart(&mut message.content(&content).build().unwrap()).unwrap();
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop_heart();
    }
}

impl Engine {
    /// No longer return heartbeats.
    pub fn stop_heart(&mut self) {
        if let Some((stop, heart)) = self.heart.take() {
            drop(stop);
            heart.join().unwrap();
        }
    }
}
