"""Measures one cluster through the stock client and prints one JSON object: the name of each figure and its value.

It knows the cluster by its IPYTHONDIR alone, so it measures every implementation of the programs alike. Every figure is
better when it is smaller: seconds, milliseconds, MiB.
"""

import argparse
import json
import os
import statistics
import sys
import time

import ipyparallel as ipp
import numpy as np
import psutil

SECURITY = os.path.join(os.environ["IPYTHONDIR"], "profile_default/security")
MEGABYTES = 64


@ipp.interactive
def nothing(*_):
    return None


@ipp.interactive
def allocate(size):
    import numpy as np

    globals()["_buffer"] = np.ones(size, dtype=np.uint8)


@ipp.interactive
def transfer():
    """Rank 0 sends its buffer to rank 1, which answers, so that the time covers the delivery."""
    from mpi4py import MPI

    comm = MPI.COMM_WORLD
    buffer = globals()["_buffer"]
    if comm.rank == 0:
        comm.Send([buffer, MPI.BYTE], dest=1, tag=7)
        comm.recv(source=1, tag=8)
    elif comm.rank == 1:
        comm.Recv([buffer, MPI.BYTE], source=0, tag=7)
        comm.send(None, dest=0, tag=8)


def connect(engines, timeout):
    """The client, once all engines have registered."""
    path = os.path.join(SECURITY, "ipcontroller-client.json")
    deadline = time.time() + timeout
    while True:
        try:
            client = ipp.Client(path, timeout=timeout)
            break
        except (OSError, ValueError):
            # Not there yet, or half written: the stock controller does not write it in one step.
            if time.time() > deadline:
                sys.exit(f"no usable {path} after {timeout} s")
            time.sleep(0.005)
    while len(client.ids) < engines:
        if time.time() > deadline:
            sys.exit(f"{len(client.ids)} engines after {timeout} s, not {engines}")
        time.sleep(0.005)
    return client


def milliseconds(call, repeats, warm=1):
    """The median time of a call, after some calls that are not counted."""
    times = []
    for number in range(warm + repeats):
        begun = time.perf_counter()
        call()
        if number >= warm:
            times.append(1000 * (time.perf_counter() - begun))
    return statistics.median(times)


def controller_memory():
    """Memory of the controller's processes in MiB: resident, and resident with shared pages counted once."""
    resident = proportional = 0
    for process in psutil.process_iter():
        try:
            if process.environ().get("IPYTHONDIR") != os.environ["IPYTHONDIR"]:
                continue
            command = " ".join(process.cmdline())
            if "ipcontroller" in command or "ipyparallel.controller" in command:
                memory = process.memory_full_info()
                resident += memory.rss
                proportional += memory.pss
        except psutil.Error:
            continue
    return {"controller memory, RSS (MiB)": resident / 2**20, "controller memory, PSS (MiB)": proportional / 2**20}


def measure_start(client, started, form):
    """How long it took until now, and until all engines have answered."""
    figures = {f"{form}: to {len(client.ids)} engines (s)": time.time() - started}
    client[:].apply_sync(nothing)
    figures[f"{form}: to their first answer (s)"] = time.time() - started
    figures.update({f"{form}: {name}": value for name, value in controller_memory().items()})
    return figures


def measure_client(client):
    """Latency, tasks, data."""
    one, other, everyone = client[0], client[1], client[:]
    balanced = client.load_balanced_view()
    array = np.random.default_rng(0).integers(0, 255, MEGABYTES * 10**6, dtype=np.uint8)

    def move():
        other.push({"x": one.pull("x", block=True)}, block=True)

    figures = {
        "apply, one engine (ms)": milliseconds(lambda: one.apply_sync(nothing), 200, warm=20),
        "apply, all engines (ms)": milliseconds(lambda: everyone.apply_sync(nothing), 50, warm=5),
        "2,000 load-balanced tasks (ms)": milliseconds(
            lambda: balanced.map_sync(nothing, range(2000), chunksize=1), 1, warm=0
        ),
        f"push {MEGABYTES} MB to one engine (ms)": milliseconds(lambda: one.push({"x": array}, block=True), 3),
        f"pull {MEGABYTES} MB from one engine (ms)": milliseconds(lambda: one.pull("x", block=True), 3),
        f"{MEGABYTES} MB engine to engine, pull and push (ms)": milliseconds(move, 3),
    }
    everyone.apply_sync(allocate, MEGABYTES * 10**6)
    figures[f"{MEGABYTES} MB engine to engine, MPI (ms)"] = milliseconds(lambda: everyone.apply_sync(transfer), 7, warm=2)
    figures.update(controller_memory())
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["start", "client"])
    parser.add_argument("--engines", type=int, default=4)
    parser.add_argument("--started", type=float, help="when the cluster was started, in seconds since 1970")
    parser.add_argument("--form", default="", help="how the engines were started, for the names of figures")
    parser.add_argument("--timeout", type=float, default=90)
    parser.add_argument("--result", required=True, help="where to write the figures")
    arguments = parser.parse_args()
    client = connect(arguments.engines, arguments.timeout)
    if arguments.what == "start":
        figures = measure_start(client, arguments.started, arguments.form)
    else:
        figures = measure_client(client)
    client.close()
    with open(arguments.result, "w") as file:
        json.dump(figures, file)


if __name__ == "__main__":
    main()
