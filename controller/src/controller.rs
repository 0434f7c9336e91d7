//! Putting the parts together: sockets, threads, connection files.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anympi_wire::{
    ClientConnection, ConnectionError, EngineConnection, ProfileError, Session, Signer, address, random_id,
    remove_file,
};
use anympi_zmq::{Context, Error, SocketType};
use serde_json::Value;

use crate::broadcast::{BroadcastScheduler, LEAVES, Leaf, ROOT};
use crate::events::{Channel, Command, HubEvent};
use crate::heart::HeartMonitor;
use crate::hub::{Hub, Setup};
use crate::mailbox::{Mailbox, Sender, mailbox};
use crate::output::OutputRelay;
use crate::ports::Binder;
use crate::relay::Relay;
use crate::settings::Settings;
use crate::task::TaskScheduler;
use crate::watch::PeerWatch;

/// Why a controller cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is one already.
    #[error(
        "a controller already runs with this profile (it answers at {endpoint}, see {file}); stop it first, or give this one another --cluster-id or --profile"
    )]
    Running {
        /// Where it answers.
        endpoint: String,
        /// Its connection file.
        file: String,
    },
    /// `--ip` is no address.
    #[error("`{ip}` is no address of this machine; give --ip an address such as 127.0.0.1, or * for all")]
    BadAddress {
        /// What was given.
        ip: String,
    },
    /// The two connection files to be used again belong to different controllers.
    #[error(
        "the connection files in {directory} do not belong together; remove them or start without --reuse"
    )]
    FilesDiffer {
        /// Where they are.
        directory: String,
    },
    /// See [`ProfileError`].
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// See [`ConnectionError`].
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// A socket cannot be made or bound.
    #[error(transparent)]
    Socket(#[from] Error),
    /// The system refuses something.
    #[error("the system refuses a thread, a pipe or random numbers: {0}")]
    System(#[from] std::io::Error),
}

/// Why a controller ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// A client asked for it.
    Requested,
    /// A thread failed; the log says why.
    Failed,
    /// Somebody called for it, such as a signal.
    Called,
}

/// A running controller. Dropping it without [`Controller::stop`] leaves its threads running.
pub struct Controller {
    /// What clients need.
    pub client: ClientConnection,
    /// What engines need.
    pub engine: EngineConnection,
    settings: Settings,
    routers: Vec<Sender<Command>>,
    hub: Sender<HubEvent>,
    threads: Vec<JoinHandle<()>>,
    ending: crossbeam_channel::Receiver<Ending>,
    end: crossbeam_channel::Sender<Ending>,
}

type Failing = Box<dyn FnOnce() -> Result<(), Error> + Send>;

impl Controller {
    /// Bind the sockets, write the connection files and start the threads.
    pub fn start(settings: Settings) -> Result<Controller, StartError> {
        let profile = &settings.profile;
        let earlier = earlier_files(&settings)?;
        profile.create()?;
        let (listen, interface) = interface(&settings.ip)?;
        let wishes = earlier.as_ref();
        let (key, scheme_name) = match wishes {
            Some((client, _)) => (client.key.clone(), client.signature_scheme.clone()),
            None => {
                let key = match &settings.key {
                    Some(key) => key.clone(),
                    None => random_id()?,
                };
                (key, "hmac-sha256".to_string())
            }
        };
        let signer =
            Signer::new(&scheme_name, key.as_bytes()).map_err(|error| ConnectionError::Unsupported {
                origin: "the connection file".to_string(),
                what: error.to_string(),
            })?;
        let ident = match &settings.ident {
            Some(ident) => ident.clone(),
            None => random_id()?,
        };
        let session = Arc::new(Session::new(ident, signer));

        let mut binder = Binder::new(Context::new()?, listen, &settings.ports);
        let wish_client = |pick: fn(&ClientConnection) -> u16| wishes.map_or(0, |(client, _)| pick(client));
        let wish_engine = |pick: fn(&EngineConnection) -> u16| wishes.map_or(0, |(_, engine)| pick(engine));
        let (hub_sender, hub_mailbox) = mailbox::<HubEvent>()?;
        let watch = |channel, socket: &_| PeerWatch::new(channel, socket, hub_sender.clone());

        // Engine side, in the order in which ports of a given range are used.
        let query = binder.socket(SocketType::Router, "")?;
        let registration = match wish_client(|it| it.registration) {
            0 => settings.registration_port,
            port => port,
        };
        let registration = binder.bind(&query, registration)?;
        let control_out = binder.router_for_engines("control_out")?;
        let control_watch = watch(Channel::Control, &control_out)?;
        let control_engine = binder.bind(&control_out, wish_engine(|it| it.control))?;
        let mux_out = binder.router_for_engines("mux_out")?;
        let mux_watch = watch(Channel::Mux, &mux_out)?;
        let mux_engine = binder.bind(&mux_out, wish_engine(|it| it.mux))?;
        let task_out = binder.router_for_engines("task_out")?;
        let task_watch = watch(Channel::Task, &task_out)?;
        let task_engine = binder.bind(&task_out, wish_engine(|it| it.task))?;
        let output_in = binder.socket(SocketType::Sub, "")?;
        output_in.subscribe(b"")?;
        let iopub_engine = binder.bind(&output_in, wish_engine(|it| it.iopub))?;
        let ping = binder.socket(SocketType::Xpub, "")?;
        ping.set_xpub_verbose(true)?;
        let hb_ping = binder.bind(&ping, wish_engine(|it| it.hb_ping))?;
        let pong = binder.socket(SocketType::Router, "")?;
        pong.set_router_handover(true)?;
        let hb_pong = binder.bind(&pong, wish_engine(|it| it.hb_pong))?;
        let mut broadcast_engine = Vec::new();
        let mut leaf = |index: usize| -> Result<Leaf, Error> {
            let engines = binder.router_for_engines(&format!("{ROOT}{index}"))?;
            let watch = watch(Channel::Broadcast, &engines)?;
            let wish = wishes.and_then(|(_, engine)| engine.broadcast.get(index).copied());
            broadcast_engine.push(binder.bind(&engines, wish.unwrap_or(0))?);
            Ok(Leaf { engines, watch })
        };
        let leaves: [Leaf; LEAVES] = [leaf(0)?, leaf(1)?];

        // Client side.
        let mut client_socket = |kind, identity: &str, wish| -> Result<_, Error> {
            let socket = binder.socket(kind, identity)?;
            if kind == SocketType::Xpub {
                socket.set_xpub_verbose(true)?;
            }
            let port = binder.bind(&socket, wish)?;
            Ok((socket, port))
        };
        let (control_in, control) =
            client_socket(SocketType::Router, "control_in", wish_client(|it| it.control))?;
        let (mux_in, mux) = client_socket(SocketType::Router, "mux_in", wish_client(|it| it.mux))?;
        let (task_in, task) = client_socket(SocketType::Router, "task_in", wish_client(|it| it.task))?;
        let (output_out, iopub) = client_socket(SocketType::Pub, "", wish_client(|it| it.iopub))?;
        let (notifier, notification) =
            client_socket(SocketType::Xpub, "", wish_client(|it| it.notification))?;
        let (broadcast_in, broadcast) =
            client_socket(SocketType::Router, ROOT, wish_client(|it| it.broadcast))?;

        let client = ClientConnection {
            ssh: settings.ssh.clone(),
            interface: interface.clone(),
            registration,
            control,
            mux,
            task,
            task_scheme: settings.scheme.name().to_string(),
            iopub,
            notification,
            broadcast,
            key: key.clone(),
            curve_serverkey: None,
            location: settings.location.clone(),
            pack: "json".to_string(),
            unpack: "json".to_string(),
            signature_scheme: scheme_name.clone(),
        };
        let engine = EngineConnection {
            ssh: settings.engine_ssh.clone(),
            interface,
            registration,
            control: control_engine,
            mux: mux_engine,
            task: task_engine,
            iopub: iopub_engine,
            hb_ping,
            hb_pong,
            broadcast: broadcast_engine,
            key,
            curve_serverkey: None,
            location: settings.location.clone(),
            pack: "json".to_string(),
            unpack: "json".to_string(),
            signature_scheme: scheme_name,
        };

        let (end, ending) = crossbeam_channel::unbounded();
        let mut routers: HashMap<&'static str, Sender<Command>> = HashMap::new();
        let mut boxes = |name| -> std::io::Result<Mailbox<Command>> {
            let (sender, receiver) = mailbox()?;
            routers.insert(name, sender);
            Ok(receiver)
        };
        let hub = hub_sender.clone();
        let mux_relay = Relay {
            channel: Channel::Mux,
            clients: mux_in,
            engines: mux_out,
            watch: mux_watch,
            mailbox: boxes("mux")?,
            hub: hub.clone(),
        };
        let control_relay = Relay {
            channel: Channel::Control,
            clients: control_in,
            engines: control_out,
            watch: control_watch,
            mailbox: boxes("control")?,
            hub: hub.clone(),
        };
        let scheduler = TaskScheduler::new(
            task_in,
            task_out,
            task_watch,
            boxes("task")?,
            hub.clone(),
            session.clone(),
            settings.scheme,
            settings.high_water_mark,
        );
        let broadcast = BroadcastScheduler {
            clients: broadcast_in,
            leaves,
            mailbox: boxes("broadcast")?,
            session: session.clone(),
            groups: HashMap::new(),
        };
        let output = OutputRelay {
            engines: output_in,
            clients: output_out,
            mailbox: boxes("iopub")?,
            hub: hub.clone(),
        };
        let heart = HeartMonitor {
            ping,
            pong,
            period: settings.period,
            misses_allowed: settings.misses_allowed,
            mailbox: boxes("heart")?,
            hub: hub.clone(),
        };
        let (task_sender, routers) = match routers.get("task").cloned() {
            Some(task) => (task, routers.into_values().collect::<Vec<_>>()),
            None => return Err(std::io::Error::other("no mailbox for the task scheduler").into()),
        };
        let setup = Setup {
            query,
            notifier,
            mailbox: hub_mailbox,
            routers: routers.clone(),
            task: task_sender,
            session,
            limits: settings.limits,
            period: settings.period,
            connection_info: without_secrets(&engine),
            engines_file: profile.engines_file(),
            ending: end.clone(),
        };
        let restored = if settings.restore { restored_engines(&settings) } else { Default::default() };
        let threads: Vec<(&str, Failing)> = vec![
            ("mux", Box::new(|| mux_relay.run())),
            ("control", Box::new(|| control_relay.run())),
            ("task", Box::new(|| scheduler.run())),
            ("broadcast", Box::new(|| broadcast.run())),
            ("iopub", Box::new(|| output.run())),
            ("heart", Box::new(|| heart.run())),
            ("hub", Box::new(|| Hub::new(setup, restored).run())),
        ];
        let threads = threads.into_iter().map(|(name, body)| spawn(name, body, end.clone()));
        let threads = threads.collect::<Result<Vec<_>, _>>()?;
        let controller = Controller { client, engine, settings, routers, hub, threads, ending, end };
        // Last, because they say that the controller is ready.
        controller.client.write(&controller.settings.profile.client_file())?;
        controller.engine.write(&controller.settings.profile.engine_file())?;
        Ok(controller)
    }

    /// Tells the controller to end, from any thread; [`Controller::wait`] then returns.
    pub fn caller(&self) -> impl Fn() + Send + Clone + 'static {
        let end = self.end.clone();
        move || {
            let _ = end.send(Ending::Called);
        }
    }

    /// Wait until there is a reason to end.
    pub fn wait(&self) -> Ending {
        self.ending.recv().unwrap_or(Ending::Failed)
    }

    /// End the threads, send what waits (for at most half a second), and remove the connection files unless they are to be
    /// used again.
    pub fn stop(self) {
        if !self.settings.reuse {
            for path in [self.settings.profile.client_file(), self.settings.profile.engine_file()] {
                if let Err(error) = remove_file(&path) {
                    tracing::warn!("cannot remove {}: {error}", path.display());
                }
            }
        }
        self.routers.iter().for_each(|router| router.send(Command::Stop));
        self.hub.send(HubEvent::Stop);
        for thread in self.threads {
            let _ = thread.join();
        }
    }
}

fn spawn(
    name: &str,
    body: Failing,
    end: crossbeam_channel::Sender<Ending>,
) -> std::io::Result<JoinHandle<()>> {
    /// Tells of a thread that ends by a panic.
    struct Guard(crossbeam_channel::Sender<Ending>);
    impl Drop for Guard {
        fn drop(&mut self) {
            if std::thread::panicking() {
                let _ = self.0.send(Ending::Failed);
            }
        }
    }
    let label = name.to_string();
    std::thread::Builder::new().name(name.to_string()).spawn(move || {
        let guard = Guard(end);
        if let Err(error) = body() {
            tracing::error!("{label}: {error}");
            let _ = guard.0.send(Ending::Failed);
        }
    })
}

/// The connection files of a controller that ran before, when they are to be used again. An error when it still runs.
fn earlier_files(settings: &Settings) -> Result<Option<(ClientConnection, EngineConnection)>, StartError> {
    let path = settings.profile.client_file();
    let client = match ClientConnection::read(&path) {
        Ok(client) => client,
        Err(ConnectionError::Missing { .. }) => return Ok(None),
        Err(error) if settings.reuse => return Err(error.into()),
        // Damaged leftovers are simply written anew.
        Err(_) => return Ok(None),
    };
    if client.check_answering("", Duration::from_secs(1)).is_ok() && client.ssh.is_empty() {
        let endpoint = client.endpoint(client.registration);
        return Err(StartError::Running { endpoint, file: path.display().to_string() });
    }
    if !settings.reuse {
        return Ok(None);
    }
    let engine = match EngineConnection::read(&settings.profile.engine_file()) {
        Err(ConnectionError::Missing { .. }) => return Ok(None),
        engine => engine?,
    };
    let same = client.key == engine.key
        && client.registration == engine.registration
        && client.signature_scheme == engine.signature_scheme;
    match same {
        true => Ok(Some((client, engine))),
        false => {
            let directory = settings.profile.security_dir().display().to_string();
            Err(StartError::FilesDiffer { directory })
        }
    }
}

/// What to listen on, and what to write into the connection files.
fn interface(ip: &str) -> Result<(String, String), StartError> {
    if matches!(ip, "*" | "0.0.0.0" | "") {
        return Ok(("tcp://0.0.0.0".to_string(), "tcp://0.0.0.0".to_string()));
    }
    let bad = || StartError::BadAddress { ip: ip.to_string() };
    let local = address::resolve(ip).into_iter().find(|it| address::is_local(*it)).ok_or_else(bad)?;
    let text = match local {
        IpAddr::V4(address) => format!("tcp://{address}"),
        IpAddr::V6(address) => format!("tcp://[{address}]"),
    };
    Ok((text.clone(), text))
}

/// What an engine may be told by a message: its connection file without key, location and the like.
fn without_secrets(engine: &EngineConnection) -> Value {
    let mut value = serde_json::to_value(engine).unwrap_or_default();
    if let Some(fields) = value.as_object_mut() {
        for secret in ["key", "ssh", "location", "pack", "unpack", "signature_scheme", "curve_serverkey"] {
            fields.remove(secret);
        }
    }
    value
}

/// The engines of the controller that ran before, and the next id.
fn restored_engines(settings: &Settings) -> (BTreeMap<i64, String>, i64) {
    #[derive(serde::Deserialize)]
    struct State {
        engines: BTreeMap<String, String>,
        next_id: i64,
    }
    let path = settings.profile.engines_file();
    let text = std::fs::read(&path).unwrap_or_default();
    match serde_json::from_slice::<State>(&text) {
        Ok(state) => {
            let engines = state.engines.into_iter();
            let engines = engines.filter_map(|(id, uuid)| Some((id.parse().ok()?, uuid))).collect();
            (engines, state.next_id)
        }
        Err(error) => {
            tracing::warn!("no engines are restored: {} cannot be read: {error}", path.display());
            (BTreeMap::new(), 0)
        }
    }
}
