"""Speaks to the admin socket of a live process: HTTP/1.0 over a Unix socket, JSON both ways."""

from __future__ import annotations

import json
import os
import socket
import time
from typing import Any, List, Mapping, NamedTuple, Optional, Sequence, Tuple

MAX_ANSWER = 4 * 1024 * 1024
MAX_PATH = 100
"""Socket paths longer than about this many bytes do not fit ``sockaddr_un``; they are reached through their folder."""


class Answer(NamedTuple):
    """What a process said: `body` is None with the reason in `problem` when it said nothing that can be read."""

    body: Optional[Mapping[str, Any]]
    problem: str


def connect(path: str, timeout: float) -> socket.socket:
    """A connection to the socket at `path`. Raises `OSError`: refused or missing means that the process is gone."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    folder = None
    try:
        connection.settimeout(timeout)
        if len(os.fsencode(path)) > MAX_PATH:
            folder = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY)
            path = "/proc/self/fd/%d/%s" % (folder, os.path.basename(path))
        connection.connect(path)
    except OSError:
        connection.close()
        raise
    finally:
        if folder is not None:
            os.close(folder)
    return connection


def ask_all(paths: Sequence[str], method: str, target: str, seconds: float = 2.0) -> List[Tuple[str, Answer]]:
    """Ask several processes at once; those that are gone are left out. All answers together take at most `seconds`."""
    deadline = time.monotonic() + seconds
    asked: List[Tuple[str, socket.socket]] = []
    answers: List[Tuple[str, Answer]] = []
    for path in paths:
        try:
            connection = connect(path, max(0.05, deadline - time.monotonic()))
        except (ConnectionRefusedError, FileNotFoundError):
            continue
        except OSError as error:
            answers.append((path, Answer(None, _reason(error))))
            continue
        asked.append((path, connection))
    for path, connection in asked:
        with connection:
            try:
                connection.sendall(_request(method, target))
            except OSError as error:
                answers.append((path, Answer(None, _reason(error))))
                continue
            answers.append((path, _read(connection, deadline)))
    return answers


def _request(method: str, target: str) -> bytes:
    return ("%s %s HTTP/1.0\r\nHost: meshrun\r\nContent-Length: 0\r\n\r\n" % (method, target)).encode("ascii")


def _read(connection: socket.socket, deadline: float) -> Answer:
    """The whole answer, bounded in size and time."""
    data = b""
    try:
        while len(data) <= MAX_ANSWER:
            connection.settimeout(max(0.05, deadline - time.monotonic()))
            piece = connection.recv(65536)
            if not piece:
                return parse(data)
            data += piece
    except OSError as error:
        return Answer(None, _reason(error))
    return Answer(None, "its answer is longer than %d bytes" % MAX_ANSWER)


def parse(data: bytes) -> Answer:
    """The JSON object of an HTTP answer."""
    head, blank, body = data.partition(b"\r\n\r\n")
    status = head.split(b"\r\n", 1)[0].split()
    if not blank or len(status) < 2 or not status[0].startswith(b"HTTP/"):
        return Answer(None, "its answer is not HTTP")
    if status[1] != b"200":
        return Answer(None, "it answered with status %s" % status[1].decode("ascii", "replace"))
    try:
        value = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        return Answer(None, "its answer is not JSON")
    return Answer(value, "") if isinstance(value, dict) else Answer(None, "its answer is not a JSON object")


def _reason(error: OSError) -> str:
    if isinstance(error, socket.timeout):
        return "no answer in time"
    return error.strerror or str(error) or type(error).__name__
