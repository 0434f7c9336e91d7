"""The main job in the stock client: four engines of one MPI_COMM_WORLD sum a distributed array.

It is what a user types in a notebook, with the default profile of $IPYTHONDIR. What it saw goes as JSON into a file;
whether that is right is for the caller to say.
"""

import argparse
import json
import os
import sys
import time

import ipyparallel as ipp
import numpy as np


def world():
    """What one engine knows of its world, and which MPI libraries are in its memory."""
    from mpi4py import MPI

    with open("/proc/self/maps") as maps:
        files = {line.split(maxsplit=5)[5].strip() for line in maps if "/libmpi" in line}
    return {
        "rank": MPI.COMM_WORLD.rank,
        "size": MPI.COMM_WORLD.size,
        "version": MPI.Get_library_version().rstrip("\0"),
        "libraries": sorted(files),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engines", type=int, required=True, help="how many engines to wait for")
    parser.add_argument("--psum", required=True, help="path of psum.py")
    parser.add_argument("--started", type=float, required=True, help="when the cluster was started, in seconds since 1970")
    parser.add_argument("--timeout", type=float, default=120, help="seconds to wait for the engines")
    parser.add_argument("--result", required=True, help="where to write what was seen")
    arguments = parser.parse_args()

    connection = os.path.join(os.environ["IPYTHONDIR"], "profile_default/security/ipcontroller-client.json")
    deadline = time.time() + arguments.timeout
    while not os.path.exists(connection):
        if time.time() > deadline:
            sys.exit(f"no {connection} after {arguments.timeout} s")
        time.sleep(0.01)

    rc = ipp.Client(timeout=30)
    while len(rc.ids) < arguments.engines:
        if time.time() > deadline:
            sys.exit(f"{len(rc.ids)} engines after {arguments.timeout} s, not {arguments.engines}")
        time.sleep(0.01)
    seconds_to_engines = time.time() - arguments.started

    view = rc[:]
    view.run(arguments.psum)
    view.scatter("a", np.arange(16, dtype="float"))
    view.execute("totalsum = psum(a)", block=True)
    sums = view["totalsum"]
    worlds = view.apply_sync(world)
    seen = {"ids": rc.ids, "sums": sums, "worlds": worlds, "seconds_to_engines": seconds_to_engines}
    with open(arguments.result, "w") as file:
        json.dump(seen, file)
    rc.close()


if __name__ == "__main__":
    main()
