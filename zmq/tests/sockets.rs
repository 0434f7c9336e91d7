//! Sockets, messages, polling and monitors over loopback.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anympi_zmq::{Context, Error, EventKind, Events, Message, PollItem, Socket, SocketType, poll};

const PATIENCE: Duration = Duration::from_secs(90);

fn socket(context: &Context, kind: SocketType) -> Socket {
    let socket = context.socket(kind).unwrap();
    socket.set_high_water_mark(0).unwrap();
    socket.set_linger(Some(Duration::ZERO)).unwrap();
    socket.set_receive_timeout(Some(PATIENCE)).unwrap();
    socket
}

fn frames(parts: &[&str]) -> Vec<Message> {
    parts.iter().map(|part| Message::from(*part)).collect()
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < end, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn links_the_expected_version() {
    assert_eq!(anympi_zmq::version(), (4, 3, 5));
}

#[test]
fn router_and_dealer_exchange_multipart_messages() {
    let context = Context::new().unwrap();
    let router = socket(&context, SocketType::Router);
    let endpoint = router.bind("tcp://127.0.0.1:*").unwrap();
    assert!(endpoint.starts_with("tcp://127.0.0.1:") && !endpoint.ends_with('*'), "{endpoint}");
    let dealer = socket(&context, SocketType::Dealer);
    dealer.set_identity(b"engine").unwrap();
    dealer.connect(&endpoint).unwrap();
    let mut message = frames(&["", "one", "two"]);
    dealer.send_multipart(&mut message).unwrap();
    assert!(message.is_empty());
    let mut received = router.recv_multipart().unwrap();
    assert_eq!(received, frames(&["engine", "", "one", "two"]));
    router.send_multipart(&mut received).unwrap();
    assert_eq!(dealer.recv_multipart().unwrap(), frames(&["", "one", "two"]));
    assert!(dealer.try_recv_multipart().unwrap().is_none());
}

#[test]
fn bind_port_takes_a_free_or_a_given_port_and_says_when_it_is_taken() {
    let context = Context::new().unwrap();
    let first = socket(&context, SocketType::Router);
    let port = first.bind_port("tcp://127.0.0.1", 0).unwrap();
    let second = socket(&context, SocketType::Router);
    let error = second.bind_port("tcp://127.0.0.1", port).unwrap_err();
    assert_eq!(error, Error::AddressInUse { endpoint: format!("tcp://127.0.0.1:{port}") });
    drop(first);
    until("the port is free again", || second.bind_port("tcp://127.0.0.1", port).is_ok());
}

#[test]
fn bad_endpoints_are_typed_errors() {
    let context = Context::new().unwrap();
    let dealer = socket(&context, SocketType::Dealer);
    for endpoint in ["", "tcp:/x", "nothing", "tcp://127.0.0.1:port", "tcp://a\0b:1"] {
        assert!(matches!(dealer.connect(endpoint), Err(Error::InvalidEndpoint { .. })), "{endpoint:?}");
    }
    assert!(matches!(dealer.bind("tcp://203.0.113.7:0"), Err(Error::AddressNotAvailable { .. })));
}

#[test]
fn mandatory_router_returns_the_message_of_an_unknown_peer() {
    let context = Context::new().unwrap();
    let router = socket(&context, SocketType::Router);
    router.set_router_mandatory(true).unwrap();
    router.bind("tcp://127.0.0.1:*").unwrap();
    let mut message = frames(&["nobody", "body"]);
    let error = router.try_send_multipart(&mut message).unwrap_err();
    assert_eq!(error, Error::HostUnreachable { identity: "nobody".to_string() });
    assert_eq!(message, frames(&["nobody", "body"]));
}

#[test]
fn foreign_bytes_are_sent_without_a_copy_and_released_once() {
    struct Owner {
        bytes: Vec<u8>,
        drops: Arc<AtomicUsize>,
    }
    impl AsRef<[u8]> for Owner {
        fn as_ref(&self) -> &[u8] {
            &self.bytes
        }
    }
    impl Drop for Owner {
        fn drop(&mut self) {
            self.drops.fetch_add(1, Ordering::SeqCst);
        }
    }
    let drops = Arc::new(AtomicUsize::new(0));
    let owner = Owner { bytes: vec![7; 1 << 20], drops: drops.clone() };
    let place = owner.bytes.as_ptr();
    let message = Message::from_owner(owner);
    let clone = message.clone();
    assert_eq!((message.as_ptr(), clone.as_ptr()), (place, place));
    let context = Context::new().unwrap();
    let left = socket(&context, SocketType::Pair);
    let right = socket(&context, SocketType::Pair);
    right.connect(&left.bind("tcp://127.0.0.1:*").unwrap()).unwrap();
    left.send(message).unwrap();
    assert_eq!(right.recv_multipart().unwrap()[0].len(), 1 << 20);
    assert_eq!(drops.load(Ordering::SeqCst), 0, "a clone is left");
    drop(clone);
    until("the owner is dropped", || drops.load(Ordering::SeqCst) == 1);
}

#[test]
fn vectors_are_not_copied_and_every_size_survives() {
    let bytes = vec![1_u8; 100];
    let place = bytes.as_ptr();
    assert_eq!(Message::from(bytes).as_ptr(), place);
    for size in [0, 1, 32, 33, 34, 8191, 8192, 8193, 100_000] {
        let bytes: Vec<u8> = (0..size).map(|index| index as u8).collect();
        let message = Message::from(bytes.clone());
        assert_eq!(*message, *bytes);
        assert_eq!(*message.clone().detached(), *bytes);
        assert_eq!(*Message::copied(&bytes), *bytes);
    }
}

#[test]
fn messages_move_between_threads() {
    let message = Message::from(vec![3; 5000]);
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let message = message.clone();
            std::thread::spawn(move || message.iter().map(|byte| usize::from(*byte)).sum::<usize>())
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), 15_000);
    }
}

#[test]
fn poll_sees_sockets_and_descriptors_and_keeps_its_time() {
    use std::io::Write;
    use std::os::fd::AsFd;
    let context = Context::new().unwrap();
    let left = socket(&context, SocketType::Pair);
    let right = socket(&context, SocketType::Pair);
    right.connect(&left.bind("tcp://127.0.0.1:*").unwrap()).unwrap();
    let (reader, mut writer) = std::os::unix::net::UnixStream::pair().unwrap();
    let mut items =
        [PollItem::socket(&right, Events::READABLE), PollItem::fd(reader.as_fd(), Events::READABLE)];
    let start = Instant::now();
    assert_eq!(poll(&mut items, Some(Duration::from_millis(50))).unwrap(), 0);
    assert!(start.elapsed() >= Duration::from_millis(50));
    left.send("news").unwrap();
    assert_eq!(poll(&mut items, Some(PATIENCE)).unwrap(), 1);
    assert!(items[0].is_readable() && !items[1].is_readable());
    right.recv_multipart().unwrap();
    writer.write_all(b"x").unwrap();
    assert_eq!(poll(&mut items, Some(PATIENCE)).unwrap(), 1);
    assert!(!items[0].is_readable() && items[1].is_readable());
}

#[test]
fn monitor_and_peer_state_follow_a_peer() {
    let context = Context::new().unwrap();
    let router = socket(&context, SocketType::Router);
    let endpoint = router.bind("tcp://127.0.0.1:*").unwrap();
    let monitor = router.monitor().unwrap();
    let next = || {
        let mut items = [PollItem::socket(monitor.socket(), Events::READABLE)];
        assert_eq!(poll(&mut items, Some(PATIENCE)).unwrap(), 1, "an event in time");
        monitor.try_recv().unwrap().unwrap().kind
    };
    assert!(!router.peer_connected(b"engine").unwrap());
    let dealer = socket(&context, SocketType::Dealer);
    dealer.set_identity(b"engine").unwrap();
    dealer.connect(&endpoint).unwrap();
    assert_eq!(next(), EventKind::HandshakeSucceeded);
    until("the peer is there", || router.peer_connected(b"engine").unwrap());
    drop(dealer);
    assert_eq!(next(), EventKind::Disconnected);
    until("the peer is gone", || !router.peer_connected(b"engine").unwrap());
}

#[test]
fn handover_gives_the_identity_to_the_newcomer() {
    let context = Context::new().unwrap();
    let router = socket(&context, SocketType::Router);
    router.set_router_handover(true).unwrap();
    let endpoint = router.bind("tcp://127.0.0.1:*").unwrap();
    let peer = || {
        let dealer = socket(&context, SocketType::Dealer);
        dealer.set_identity(b"engine").unwrap();
        dealer.connect(&endpoint).unwrap();
        dealer.send("hello").unwrap();
        router.recv_multipart().unwrap();
        dealer
    };
    let _old = peer();
    let new = peer();
    router.send_multipart(&mut frames(&["engine", "to the new one"])).unwrap();
    assert_eq!(new.recv_multipart().unwrap(), frames(&["to the new one"]));
}

#[test]
fn verbose_xpub_sees_every_subscription() {
    let context = Context::new().unwrap();
    let publisher = socket(&context, SocketType::Xpub);
    publisher.set_xpub_verbose(true).unwrap();
    let endpoint = publisher.bind("tcp://127.0.0.1:*").unwrap();
    let subscribers: Vec<Socket> = (0..2)
        .map(|_| {
            let subscriber = socket(&context, SocketType::Sub);
            subscriber.subscribe(b"").unwrap();
            subscriber.connect(&endpoint).unwrap();
            assert_eq!(*publisher.recv_multipart().unwrap()[0], [1]);
            subscriber
        })
        .collect();
    publisher.send("news").unwrap();
    for subscriber in &subscribers {
        assert_eq!(subscriber.recv_multipart().unwrap(), frames(&["news"]));
    }
}

#[test]
fn receive_timeout_is_would_block() {
    let context = Context::new().unwrap();
    let pull = socket(&context, SocketType::Pull);
    pull.set_receive_timeout(Some(Duration::from_millis(10))).unwrap();
    assert!(pull.recv_multipart().unwrap_err().is_would_block());
}
