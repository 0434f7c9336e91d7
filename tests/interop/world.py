"""Prints the rank and the size that one MPI library sees, by ctypes alone: no mpi4py, none of our programs.

usage: world.py LIBRARY
"""

import ctypes
import sys

library = ctypes.CDLL(sys.argv[1], mode=ctypes.RTLD_GLOBAL)
try:
    # Open MPI: a handle is the address of an object that the library exports.
    world = ctypes.c_void_p(ctypes.addressof(ctypes.c_char.in_dll(library, "ompi_mpi_comm_world")))
except ValueError:
    major, minor = ctypes.c_int(-1), ctypes.c_int(-1)
    if hasattr(library, "MPI_Abi_get_version"):
        library.MPI_Abi_get_version(ctypes.byref(major), ctypes.byref(minor))
    # The standard ABI's communicators are small pointers, those of MPICH and its descendants are integers.
    world = ctypes.c_void_p(0x101) if major.value > 0 else ctypes.c_int(0x44000000)
library.MPI_Init(None, None)
rank, size = ctypes.c_int(-1), ctypes.c_int(-1)
library.MPI_Comm_rank(world, ctypes.byref(rank))
library.MPI_Comm_size(world, ctypes.byref(size))
# One write per rank, so that the lines of several ranks do not mix.
sys.stdout.write(f"rank {rank.value} of {size.value}\n")
sys.stdout.flush()
library.MPI_Finalize()
