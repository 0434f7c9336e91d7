"""Comms: what widgets talk through, by the ``comm`` package, which leaves the transport to whoever hosts it."""

import comm
from comm.base_comm import BaseComm, CommManager
from ipykernel.jsonutil import json_clean

from . import parent as parents


def install(session):
    """Make ``comm.create_comm`` open comms on this engine's channels; returns the manager that incoming messages go to."""

    class EngineComm(BaseComm):
        """One comm: its messages go out on iopub, those of the client come in with the requests."""

        def publish_msg(self, msg_type, data=None, metadata=None, buffers=None, **keys):
            content = json_clean(dict(data=data or {}, comm_id=self.comm_id, **keys))
            session.send(
                None,
                msg_type,
                content,
                metadata=json_clean(metadata or {}),
                parent=parents.header_of(parents.current()),
                ident=self.topic,
                buffers=buffers,
            )

    manager = CommManager()
    comm.create_comm = EngineComm
    comm.get_comm_manager = lambda: manager
    return manager
