"""Malformed, unsigned, replayed and foreign messages on every socket: counted, logged, dropped, and work goes on."""

import hashlib
import hmac
import json
import time
import uuid

import ipyparallel as ipp
import pytest
import zmq
from ipyparallel import interactive

from clusters import Cluster
from processes import PATIENCE, Home, until

DELIMITER = b"<IDS|MSG>"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Our controller with two of our engines."""
    cluster = Cluster(Home(tmp_path_factory.mktemp("frames") / "home"))
    cluster.start_local(2)
    cluster.connect(2)
    yield cluster
    cluster.close()


def header(kind):
    return {
        "msg_id": uuid.uuid4().hex,
        "msg_type": kind,
        "username": "test",
        "session": "test",
        "date": "2026-01-01T00:00:00.000000Z",
        "version": "5.4",
    }


def signed(key, *parts, buffers=()):
    """The frames of a message with a right signature over parts that may be anything."""
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in parts]
    digest = hmac.new(key.encode(), b"".join(parts), hashlib.sha256).hexdigest().encode()
    return [DELIMITER, digest, *parts, *buffers]


def bad_messages(key):
    """Name and frames of messages that no part of the programs may trip over."""
    good = signed(key, header("connection_request"), {}, {}, {})
    unsigned = [DELIMITER, b"", *good[2:]]
    return {
        "nothing": [b""],
        "no delimiter": [b"hello", b"world"],
        "delimiter alone": [DELIMITER],
        "two frames missing": good[:-2],
        "no signature": unsigned,
        "wrong signature": [DELIMITER, b"0" * 64, *good[2:]],
        "signature of odd length": [DELIMITER, b"abc", *good[2:]],
        "no JSON": signed(key, b"{", b"}", b"\xff\xfe", b"nonsense"),
        "header is a list": signed(key, [], {}, {}, {}),
        "header without fields": signed(key, {}, {}, {}, {}),
        "content is a string": signed(key, header("connection_request"), {}, {}, "text"),
        "unknown type": signed(key, header("no_such_request"), {}, {}, {}),
        "apply without buffers": signed(key, header("apply_request"), {}, {}, {}),
        "numbers where texts belong": signed(key, {name: 5 for name in header("x")}, {}, {}, {}),
        "registration without uuid": signed(key, header("registration_request"), {}, {}, {}),
        "unregistration of nobody": signed(key, header("unregistration_request"), {}, {}, {"id": 999}),
        "result of nothing": signed(key, header("result_request"), {}, {}, {"msg_ids": 7}),
        "many frames": [b"x"] * 500,
        "a large frame": [b"x" * 5_000_000],
        "deep JSON": signed(key, header("connection_request"), {}, {}, b"[" * 50_000),
    }


#: Every port of both connection files and the kind of socket that peers use there.
CLIENT_SIDE = {
    "registration": zmq.DEALER,
    "mux": zmq.DEALER,
    "control": zmq.DEALER,
    "task": zmq.DEALER,
    "broadcast": zmq.DEALER,
    "notification": zmq.SUB,
    "iopub": zmq.SUB,
}
ENGINE_SIDE = {
    "registration": zmq.DEALER,
    "mux": zmq.DEALER,
    "control": zmq.DEALER,
    "task": zmq.DEALER,
    "broadcast": zmq.DEALER,
    "iopub": zmq.XPUB,
    "hb_ping": zmq.SUB,
    "hb_pong": zmq.DEALER,
}


def ports(cluster):
    """Each socket of the controller: a name, its address, the kind of its peers."""
    for side, kinds, file in (
        ("client", CLIENT_SIDE, cluster.home.client_file),
        ("engine", ENGINE_SIDE, cluster.home.engine_file),
    ):
        info = json.loads(file.read_text())
        for name, kind in kinds.items():
            for port in info[name] if isinstance(info[name], list) else [info[name]]:
                yield f"{side} {name}", f"{info['interface']}:{port}", kind


def works(cluster):
    """A client that connects now can do everything."""
    client = ipp.Client(str(cluster.home.client_file), timeout=PATIENCE)
    try:
        assert client.ids == [0, 1]
        assert client[:].apply_async(interactive(lambda: 5)).get(PATIENCE) == [5, 5]
        assert client.load_balanced_view().map_async(abs, range(20)).get(PATIENCE) == list(range(20))
        result = client[:].execute("print('still here')")
        result.get(PATIENCE)
        result.wait_for_output(PATIENCE)
        assert result.stdout == ["still here\n"] * 2
    finally:
        client.close()


def send_all(address, kind, messages):
    """Send messages from a peer of the right kind; a SUB sends subscriptions, which are frames too."""
    context = zmq.Context.instance()
    with context.socket(kind) as socket:
        socket.linger = 2000
        socket.connect(address)
        if kind == zmq.SUB:
            socket.subscribe(b"")
            socket.subscribe(b"\xff" * 300)
            time.sleep(0.1)
            return
        if kind == zmq.XPUB:
            # Until the subscription of the other side has arrived, a publisher sends to nobody.
            assert socket.poll(PATIENCE * 1000), f"{address} does not subscribe"
        for frames in messages:
            socket.send_multipart(frames)


def test_malformed_messages_on_every_socket(cluster):
    key = json.loads(cluster.home.client_file.read_text())["key"]
    messages = bad_messages(key)
    for _, address, kind in ports(cluster):
        send_all(address, kind, messages.values())
        cluster.controller.must_run()
        for engine in cluster.engines:
            engine.must_run()
        works(cluster)
    assert "panicked" not in cluster.logs()
    sockets = ["registration", "iopub", "heartbeat"]
    sockets += [f"{name} ({side})" for name in ("mux", "control", "task", "broadcast") for side in ("clients", "engines")]
    for socket in sockets:
        until(lambda socket=socket: f"{socket}: dropped a message" in cluster.controller.text, lambda: cluster.controller.text)


def test_malformed_messages_for_an_engine(cluster):
    """Addressed to an engine through the relays: what the controller passes on, the engine must bear."""
    client_info = json.loads(cluster.home.client_file.read_text())
    identity = cluster.client._engines[0].encode()
    for name in ("mux", "control"):
        messages = [[identity, *frames] for frames in bad_messages(client_info["key"]).values()]
        # A shutdown with a wrong signature would be the worst to believe.
        messages.append([identity, DELIMITER, b"0" * 64, json.dumps(header("shutdown_request")).encode(), b"{}", b"{}", b"{}"])
        send_all(f"{client_info['interface']}:{client_info[name]}", zmq.DEALER, messages)
    time.sleep(0.5)
    for engine in cluster.engines:
        engine.must_run()
    works(cluster)


def test_an_address_that_no_engine_has(cluster):
    client_info = json.loads(cluster.home.client_file.read_text())
    frames = [b"nobody", *signed(client_info["key"], header("apply_request"), {}, {}, {})]
    send_all(f"{client_info['interface']}:{client_info['mux']}", zmq.DEALER, [frames])
    works(cluster)


def test_bytes_that_are_not_zmq(cluster):
    """A port scanner, or a browser, at every port."""
    import socket

    for _, address, _ in ports(cluster):
        host, port = address.removeprefix("tcp://").rsplit(":", 1)
        with socket.create_connection((host, int(port)), timeout=PATIENCE) as stream:
            stream.sendall(b"GET / HTTP/1.1\r\nHost: example\r\n\r\n" + bytes(range(256)))
    works(cluster)


def ask(cluster, frames, seconds):
    """The answer of the controller's query socket to one message, or nothing."""
    info = json.loads(cluster.home.client_file.read_text())
    with zmq.Context.instance().socket(zmq.DEALER) as socket:
        socket.linger = 0
        socket.connect(f"{info['interface']}:{info['registration']}")
        socket.send_multipart(frames)
        return socket.recv_multipart() if socket.poll(int(seconds * 1000)) else None


def test_a_right_signature_is_answered_a_wrong_one_is_not(cluster):
    key = json.loads(cluster.home.client_file.read_text())["key"]
    request = header("connection_request")
    assert ask(cluster, signed("another key", request, {}, {}, {}), 1) is None
    answer = ask(cluster, signed(key, request, {}, {}, {}), PATIENCE)
    assert json.loads(answer[5])["status"] == "ok"


def test_a_replay_is_refused(cluster):
    key = json.loads(cluster.home.client_file.read_text())["key"]
    frames = signed(key, header("connection_request"), {}, {}, {})
    assert ask(cluster, frames, PATIENCE) is not None
    assert ask(cluster, frames, 1) is None


def test_an_unknown_request_is_answered_with_an_error(cluster):
    key = json.loads(cluster.home.client_file.read_text())["key"]
    content = json.loads(ask(cluster, signed(key, header("no_such_request"), {}, {}, {}), PATIENCE)[5])
    assert content["status"] == "error" and "no_such_request" in content["evalue"]


def test_a_client_with_a_wrong_key_gets_nowhere(cluster, tmp_path):
    info = json.loads(cluster.home.client_file.read_text())
    wrong = tmp_path / "client.json"
    wrong.write_text(json.dumps({**info, "key": "00000000-wrong"}))
    with pytest.raises(TimeoutError):
        ipp.Client(str(wrong), timeout=2)
    works(cluster)
