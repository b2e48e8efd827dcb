"""Writes down which request was executed, one line each, so that none can be executed twice unseen."""

import os

VERSION = os.environ.get("APP_VERSION", "baseline")
_file = os.open(os.environ["APP_JOURNAL"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def executed(service, number):
    """One whole line in one write: lines of several processes do not mix."""
    os.write(_file, ("%s %s\n" % (service, number)).encode())
