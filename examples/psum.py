"""The sum of an array that is spread over the engines of a cluster, by one MPI call.

On the engines:   view.run("psum.py")
Then:             view.scatter("a", np.arange(16, dtype="float"))
                  view.execute("totalsum = psum(a)", block=True)
                  view["totalsum"]            # the same sum, once from each engine
"""

from mpi4py import MPI
import numpy as np


def psum(a):
    """The sum over all engines of the elements of `a`; every engine must call it."""
    locsum = np.sum(a)
    rcvBuf = np.array(0.0, "d")
    MPI.COMM_WORLD.Allreduce([locsum, MPI.DOUBLE], [rcvBuf, MPI.DOUBLE], op=MPI.SUM)
    return float(rcvBuf)
