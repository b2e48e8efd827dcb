"""What holds for every test."""

from __future__ import annotations

import signal

# A shell starts its background jobs with these ignored, and whoever is started by them inherits that: servers under
# test must see the signals that their tests send.
for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGQUIT, signal.SIG_DFL)):
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, usual)
