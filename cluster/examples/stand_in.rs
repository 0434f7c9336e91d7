//! A controller that knows only what `ipcluster` asks for: it writes its connection files and says which engines are
//! there. An engine is there when a file of its name lies in the profile's directory `engines`.
//!
//! The tests of `ipcluster` use it, so that they need neither Python nor an MPI.

use anympi_wire::contents::ConnectionReply;
use anympi_wire::{
    ClientConnection, EngineConnection, Envelope, Profile, ProfileOptions, Session, random_id,
};
use anympi_zmq::{Context, Message, Multipart, SocketType};
use std::collections::BTreeMap;
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let profile = Profile::locate(&ProfileOptions::default())?;
    let context = Context::new()?;
    let registration = context.socket(SocketType::Router)?;
    let port = registration.bind_port("tcp://127.0.0.1", 0)?;
    let notification = context.socket(SocketType::Pub)?;
    let news = notification.bind_port("tcp://127.0.0.1", 0)?;
    let key = random_id()?;
    let client = ClientConnection {
        ssh: String::new(),
        interface: "tcp://127.0.0.1".into(),
        registration: port,
        control: port,
        mux: port,
        task: port,
        task_scheme: "leastload".into(),
        iopub: port,
        notification: news,
        broadcast: port,
        key: key.clone(),
        curve_serverkey: None,
        location: "localhost".into(),
        pack: "json".into(),
        unpack: "json".into(),
        signature_scheme: "hmac-sha256".into(),
    };
    let engine = EngineConnection {
        ssh: String::new(),
        interface: client.interface.clone(),
        registration: port,
        control: port,
        mux: port,
        task: port,
        iopub: port,
        hb_ping: port,
        hb_pong: port,
        broadcast: vec![port],
        key,
        curve_serverkey: None,
        location: client.location.clone(),
        pack: client.pack.clone(),
        unpack: client.unpack.clone(),
        signature_scheme: client.signature_scheme.clone(),
    };
    client.write(&profile.client_file())?;
    engine.write(&profile.engine_file())?;
    let session = Session::new(random_id()?, client.signer()?);
    loop {
        let frames = registration.recv_multipart()?;
        let envelope = Envelope::split(&frames)?;
        session.signer().verify(&envelope)?;
        let engines: BTreeMap<String, String> = std::fs::read_dir(profile.directory().join("engines"))
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .enumerate()
            .map(|(id, uuid)| (id.to_string(), uuid))
            .collect();
        let reply = ConnectionReply { status: "ok".into(), engines };
        let message = session.message::<Message>("connection_reply").parent(envelope.header).content(&reply);
        let mut reply: Multipart = vec![Message::copied(envelope.idents[0].as_ref())];
        reply.extend(message.build()?);
        registration.send_multipart(&mut reply)?;
    }
}
