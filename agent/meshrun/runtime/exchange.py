"""One connection to a socket of ours: a request is read, answered, and the connection ends; nothing ever waits.

The socket is the interpreter's own, whatever libraries have put in the place of ``socket.socket``.
"""

from __future__ import annotations

import _socket
import select
from typing import Callable, Optional

from ..core import asked
from ..core.asked import Head, Refused
from .answers import Answer, plain
from .descriptor import Descriptor

READ_SECONDS = 1.0
"""How long a request may take to arrive, all of it."""
WRITE_SECONDS = 5.0
"""How long an answer may take to be taken."""
_REASONS = {
    200: "OK", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 411: "Length Required", 413: "Content Too Large",
    431: "Request Header Fields Too Large", 500: "Internal Server Error", 503: "Service Unavailable",
}  # fmt: skip
_HEAD = "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n%sCache-Control: no-store\r\nConnection: close"
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_READING, _ASKING, _WRITING, _ENDING, _OVER = range(5)


class Exchange:
    """`refuses` says why the asker may not ask, before any body is read; `answers` answers the whole request.

    Where it has no answer yet it is asked again with each `step`.
    """

    def __init__(
        self,
        connection: _socket.socket,
        now: float,
        refuses: Callable[[Head], Optional[Answer]],
        answers: Callable[[Head, bytes], Optional[Answer]],
    ) -> None:
        connection.setblocking(False)
        self._connection = connection
        self.descriptor = Descriptor(connection.fileno())
        self.deadline = now + READ_SECONDS
        self._refuses, self._answers = refuses, answers
        self._data = b""
        self._head: Optional[Head] = None
        self._unread = False  # whether the asker may be sending still
        self._state = _READING

    @property
    def over(self) -> bool:
        """Whether the connection is closed."""
        return self._state == _OVER

    @property
    def asks(self) -> bool:
        """Whether the request is there, and its answer is not."""
        return self._state == _ASKING

    @property
    def waits_for(self) -> int:
        """What to poll for."""
        return select.POLLOUT if self._state == _WRITING else select.POLLIN

    def step(self, now: float) -> bool:
        """Go on, without waiting. Whether a request was answered in this step; the answer may be on its way still."""
        answered = False
        try:
            if now >= self.deadline:
                self.close()
            elif self._state in (_READING, _ASKING):
                answered = self._read(now)
            if self._state == _WRITING:
                self._write(now)
            elif self._state == _ENDING:
                self._end()
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:  # the asker went away
            self.close()
        return answered

    def close(self) -> None:
        """Give the connection back, unless the app did."""
        self._state = _OVER
        self._connection.detach()
        self.descriptor.close()

    def _read(self, now: float) -> bool:
        if self._state == _READING:
            block = self._connection.recv(asked.MAX_HEAD)
            if not block:
                self.close()
                return False
            self._data += block
        try:
            answer = self._asked(now)
        except Refused as refused:
            self._unread = True
            answer = plain(refused.status, "MR5007 the request cannot be read: %s" % refused)
        if answer is None:
            return False
        self._data = self._bytes(answer)
        self._state, self.deadline = _WRITING, now + WRITE_SECONDS
        return True

    def _asked(self, now: float) -> Optional[Answer]:
        """The answer, if enough of the request is there for one. Raises `Refused`."""
        if self._head is None:
            self._head = asked.head(self._data)
            if self._head is None:
                return None
            refused = self._refuses(self._head)
            if refused is not None:
                self._unread = True
                return refused
            if self._head.one("expect") == "100-continue" and len(self._data) == self._head.size:
                self._connection.send(_CONTINUE, _socket.MSG_NOSIGNAL)
        body = self._data[self._head.size : self._head.size + self._head.length]
        if len(body) < self._head.length:
            return None
        if self._state == _READING:
            self._state, self.deadline = _ASKING, now + WRITE_SECONDS
        return self._answers(self._head, body)

    def _bytes(self, answer: Answer) -> bytes:
        body = answer.body.encode("utf-8")
        more = "WWW-Authenticate: Bearer\r\n" if answer.status == 401 else ""
        reason = _REASONS.get(answer.status, "-")
        head = (_HEAD % (answer.status, reason, answer.kind, len(body), more) + "\r\n\r\n").encode("ascii")
        return head if self._head is not None and self._head.method == "HEAD" else head + body

    def _write(self, now: float) -> None:
        self._data = self._data[self._connection.send(self._data, _socket.MSG_NOSIGNAL) :]
        if self._data:
            return
        if not self._unread:
            self.close()
            return
        # Closing while unread bytes are there would reset the connection, and the answer with it.
        self._connection.shutdown(_socket.SHUT_WR)
        self._state, self.deadline = _ENDING, now + READ_SECONDS

    def _end(self) -> None:
        if not self._connection.recv(asked.MAX_BODY):
            self.close()
