"""Which request the code that is running now belongs to.

A message on the iopub channel carries the header of the request that caused it. The main thread and asyncio tasks remember
the request they were started under; a thread that user code started belongs to the latest request, as in ipykernel.
"""

import json
from contextvars import ContextVar

_current = ContextVar("anympi_engine_request")
_latest = None
# The decoded header of the request decoded last: many messages ask for the same one.
_decoded = (None, {})


def set_current(request):
    """From now on output belongs to ``request``."""
    global _latest
    _latest = request
    _current.set(request)


def current():
    """The request that output belongs to, or None before the first one."""
    return _current.get(_latest)


def header_of(request):
    """The header of a request as a dict; the same object each time it is asked for."""
    global _decoded
    if request is None:
        return {}
    known, header = _decoded
    if known is not request:
        header = json.loads(request.header)
        _decoded = (request, header)
    return header


def request_of(header):
    """What to give to the native side for a parent header: the request itself when it is one we know, else JSON bytes."""
    if not header:
        return None
    known, decoded = _decoded
    if header is decoded:
        return known
    return json.dumps(header, default=str).encode()
