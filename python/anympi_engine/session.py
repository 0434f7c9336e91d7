"""A jupyter_client Session whose messages leave through the engine's own sockets.

IPython's display machinery, ipykernel's base classes and user code (``get_ipython().kernel.session``) send by a Session. This
one makes messages as usual; ``send`` hands them to the native side, which signs and sends them in order.
"""

from jupyter_client.session import Session, extract_header, json_packer

from . import parent as parents


class EngineSession(Session):
    """Sends on the iopub channel, whatever socket it is told: the engine has no other that Python code may use."""

    def __init__(self, native, **kwargs):
        # The key stays on the native side; an empty one here keeps it out of reach of reprs and logs.
        super().__init__(session=native.uuid, key=b"", **kwargs)
        self._native = native

    def send(
        self,
        stream,
        msg_or_type,
        content=None,
        parent=None,
        ident=None,
        buffers=None,
        track=False,
        header=None,
        metadata=None,
    ):
        """Publish one message; the arguments are those of ``Session.send``."""
        if isinstance(msg_or_type, dict):
            message = msg_or_type
            msg_type = message["header"]["msg_type"]
            parent_header = message.get("parent_header") or {}
            buffers = buffers or message.get("buffers")
        else:
            msg_type = msg_or_type
            parent_header = extract_header(parent) if parent else {}
            message = {"content": content or {}, "metadata": metadata or {}, "parent_header": parent_header}
        if isinstance(ident, (list, tuple)):
            ident = ident[0] if ident else None
        if isinstance(ident, str):
            ident = ident.encode()
        self._native.publish(
            msg_type,
            json_packer(message["content"]),
            parents.request_of(parent_header),
            ident,
            json_packer(message["metadata"]) if message.get("metadata") else None,
            list(buffers) if buffers else None,
        )
        return message
