"""The Python half of ipengine: an IPython shell that runs what a client sends.

The sockets, the queues, the heartbeat and MPI live in the extension module ``anympi_python`` (Rust), on threads that do
not need the interpreter. This package is what must be Python: the shell, the output streams, apply and execute. Its
sources are embedded in the extension module, so the user's environment needs IPython and ipyparallel and nothing of ours.

It runs on the main thread only, one request at a time: see ``kernel.Kernel.serve``.
"""
