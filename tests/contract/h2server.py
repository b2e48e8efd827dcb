"""A small HTTP/2 server over TLS, with a memory of the pseudo-headers that it was sent."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from typing import Any, Dict, List, Tuple

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions

from tests.contract.servers import MAX_WAIT


class H2Server:
    """Answers every request with 200.

    `refuses`, once all of it is there: ``stream``, with RST_STREAM and REFUSED_STREAM; ``all``, with GOAWAY and 0.
    """

    def __init__(self, tls: ssl.SSLContext, *, refuses: str = "") -> None:
        self._refuses = refuses
        tls.set_alpn_protocols(["h2"])
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address: Tuple[str, int] = self._listener.getsockname()[:2]
        self.seen: List[Dict[str, str]] = []
        self.accepted = 0
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End it."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(MAX_WAIT)

    def _accept(self) -> None:
        while True:
            try:
                raw, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            threading.Thread(target=self._connection, args=(raw,), daemon=True).start()

    def _connection(self, raw: socket.socket) -> None:
        raw.settimeout(MAX_WAIT)
        after = h2.exceptions.ProtocolError  # what comes after a GOAWAY of its own
        with contextlib.suppress(OSError, after), self._tls.wrap_socket(raw, server_side=True) as sock:
            speaker = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
            speaker.initiate_connection()
            sock.sendall(speaker.data_to_send())
            while True:
                data = sock.recv(65536)
                if not data:
                    return
                for event in speaker.receive_data(data):
                    self._answer(speaker, event)
                sock.sendall(speaker.data_to_send())

    def _answer(self, speaker: Any, event: Any) -> None:
        if isinstance(event, h2.events.RequestReceived):
            pairs: Any = event.headers
            self.seen.append(dict(pairs))
        elif isinstance(event, h2.events.StreamEnded) and self._refuses == "all":
            speaker.close_connection(last_stream_id=0)
        elif isinstance(event, h2.events.StreamEnded) and self._refuses:
            speaker.reset_stream(event.stream_id, h2.errors.ErrorCodes.REFUSED_STREAM)
        elif isinstance(event, h2.events.StreamEnded):
            speaker.send_headers(event.stream_id, [(":status", "200")])
            speaker.send_data(event.stream_id, b"ok", end_stream=True)
