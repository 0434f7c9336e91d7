"""ipcluster: start, list, stop, in the foreground and as a daemon; one Ctrl-C ends everything and leaves nothing."""

import json
import os
import signal
import time

import ipyparallel as ipp
import pytest
from ipyparallel import interactive

import installed
from processes import PATIENCE, until

IPCLUSTER = installed.program("ours", "ipcluster")
MPICH = installed.BY_NAME["mpich5"]

#: Ways to start two engines.
STARTS = {
    "local": ["local", "-n", "2"],
    "start-local": ["start", "-n", "2", "--engines=local"],
    "start-mpi": ["start", "-n", "2", "--engines=mpi", f"--mpi={MPICH.selection}"],
    "mpirun": ["mpirun", "-n", "2", f"--mpi={MPICH.selection}"],
}


def connect(home, count=2):
    """A client with `count` engines."""
    until(home.client_file.exists, "the client's connection file")
    client = ipp.Client(str(home.client_file), timeout=PATIENCE)
    until(lambda: len(client.ids) == count, lambda: f"{count} engines, there are {client.ids}")
    return client


@pytest.fixture(params=STARTS)
def start(request):
    return STARTS[request.param]


@pytest.mark.parametrize("how", ["ctrl_c", "signal"], ids=["to-the-group", "to-ipcluster-only"])
def test_one_ctrl_c_ends_everything(home, start, how):
    cluster = home.start(IPCLUSTER, *start)
    client = connect(home)
    assert client[:].apply_sync(interactive(lambda: 6 * 7)) == [42, 42]
    # A busy engine is no reason to stay.
    client[0].apply_async(time.sleep, 10 * PATIENCE)
    time.sleep(0.2)
    client.close()
    getattr(cluster, how)()
    assert cluster.wait() == 0, cluster.text
    home.assert_empty()
    assert list(home.security.glob("*.json")) == []
    assert "panicked" not in cluster.text and "Traceback" not in cluster.text, cluster.text


def test_ctrl_c_while_it_starts(home):
    cluster = home.start(IPCLUSTER, *STARTS["mpirun"])
    until(home.processes, "a process")
    cluster.ctrl_c()
    cluster.wait()
    home.assert_empty()
    assert list(home.security.glob("*.json")) == []


def test_sigterm_ends_everything(home):
    cluster = home.start(IPCLUSTER, *STARTS["start-mpi"])
    connect(home).close()
    cluster.signal(signal.SIGTERM)
    cluster.wait()
    home.assert_empty()


def test_daemon_list_and_stop(home):
    begun = home.run(IPCLUSTER, "start", "-n", "2", "--engines=local", "--daemonize")
    assert begun.status == 0, begun.text
    # Back at the prompt with everything there.
    client = connect(home)
    client.close()

    listed = home.run(IPCLUSTER, "list")
    assert listed.status == 0, listed.text
    header, line = listed.text.splitlines()[:2]
    assert header.split() == ["PROFILE", "CLUSTER", "ID", "RUNNING", "ENGINES", "LAUNCHER"]
    assert line.split()[0] == "default" and "True" in line and "2" in line and "local" in line.lower()

    stopped = home.run(IPCLUSTER, "stop")
    assert stopped.status == 0, stopped.text
    home.assert_empty()
    assert list(home.security.glob("*.json")) == []
    assert len(home.run(IPCLUSTER, "list").text.splitlines()) == 1


def test_stop_of_nothing_is_one_sentence_and_a_failure(home):
    stopped = home.run(IPCLUSTER, "stop")
    assert stopped.status != 0
    assert len(stopped.text.strip().splitlines()) == 1, stopped.text


def test_a_second_cluster_of_the_same_name_is_refused(home):
    home.start(IPCLUSTER, *STARTS["local"])
    client = connect(home)
    second = home.run(IPCLUSTER, *STARTS["local"])
    assert second.status != 0 and "running" in second.text, second.text
    # The first one is unharmed.
    assert client[:].apply_sync(interactive(lambda: 1)) == [1, 1]
    client.close()


def test_two_clusters_side_by_side(home):
    """A name of their own keeps them apart."""
    home.start(IPCLUSTER, *STARTS["local"], "--cluster-id=one")
    home.start(IPCLUSTER, *STARTS["mpirun"], "--cluster-id=two")
    clients = []
    for name in ("one", "two"):
        file = home.security / f"ipcontroller-{name}-client.json"
        until(file.exists, f"{file}")
        client = ipp.Client(str(file), timeout=PATIENCE)
        until(lambda client=client: len(client.ids) == 2, "two engines")
        clients.append(client)
    names = [client[0].apply_sync(os.getenv, "IPP_CLUSTER_ID", "") for client in clients]
    assert names == ["one", "two"]
    listed = home.run(IPCLUSTER, "list", "-o", "json")
    assert listed.status == 0
    assert {entry["cluster"]["cluster_id"] for entry in json.loads(listed.text)} == {"one", "two"}
    for client in clients:
        client.close()
    assert home.run(IPCLUSTER, "stop", "--all").status == 0
    home.assert_empty()


def test_the_end_of_the_controller_is_the_end_of_the_cluster(home):
    cluster = home.start(IPCLUSTER, *STARTS["mpirun"])
    client = connect(home)
    client.shutdown(hub=True, block=True)
    cluster.wait()
    home.assert_empty()


def test_engines_that_die_at_once_stop_the_cluster_and_say_why(home):
    """Their own words are shown, the status is not zero, the controller does not stay."""
    cluster = home.run(IPCLUSTER, *STARTS["local"], "--python=/no/such/python")
    assert cluster.status != 0
    assert "/no/such/python" in cluster.text, cluster.text
    home.assert_empty()


def test_stock_list_and_stop_know_our_cluster(home):
    """The cluster file is the stock program's, so its `ipcluster` can list and stop ours."""
    home.run(IPCLUSTER, "start", "-n", "2", "--engines=local", "--daemonize")
    connect(home).close()
    stock = installed.program("stock", "ipcluster")
    listed = home.run(stock, "list")
    assert listed.status == 0 and "default" in listed.text, listed.text
    home.run(stock, "stop")
    home.assert_empty()


def test_connection_files_are_private(home):
    cluster = home.start(IPCLUSTER, *STARTS["local"])
    connect(home).close()
    for file in (home.client_file, home.engine_file):
        assert file.stat().st_mode & 0o777 == 0o600
    assert home.security.stat().st_mode & 0o077 == 0
    cluster.ctrl_c()
    cluster.wait()
