"""The last steps of a lane: ``pause``, ``abort`` and ``promote``. None of them touches an instance."""

from __future__ import annotations

import argparse
from typing import Any, Mapping

from . import lane_find, lane_share, lane_view, output, store
from .errors import OK
from .invocation import Invocation


def arguments(parser: argparse.ArgumentParser) -> None:
    """Which lane."""
    parser.add_argument("name", metavar="NAME", help="name of the lane")
    parser.add_argument("--reason", metavar="TEXT", help="why, for the history")


def pause(call: Invocation) -> int:
    """Let nobody new in, and keep the share for later."""
    lane = lane_find.known(call, call.args.name)
    said = "paused: nobody new enters"
    hint = "Requests that carry its colour already still reach it. `meshctl lane percent %s N` lifts the pause."
    return _write(call, lane, dict(lane.document, paused=True), said, hint % call.args.name)


def abort(call: Invocation) -> int:
    """Let nobody in: every share is 0 and no condition is left."""
    lane = lane_find.known(call, call.args.name)
    lane_find.entered(lane)
    hint = "Requests that carry its colour already still reach it; its instances serve on until you stop them."
    return _write(call, lane, lane_share.set_all(lane.document, 0), "aborted: nobody enters", hint)


def promote(call: Invocation) -> int:
    """Let everybody in: every share is 100 and no condition is left."""
    lane = lane_find.known(call, call.args.name)
    lane_find.entered(lane)
    at = ", ".join(lane_share.at_of(lane.document))
    hint = "No instance is retagged: deploy this version as baseline, then `meshctl lane delete %s`." % call.args.name
    wanted = lane_share.set_all(lane.document, 100)
    return _write(call, lane, wanted, "promoted: every request at %s enters" % at, hint)


def _write(call: Invocation, lane: lane_find.Known, wanted: Mapping[str, Any], said: str, hint: str) -> int:
    words = "lane %s %s" % (call.args.subcommand_name, call.args.name)
    revision = lane_find.write(call, lane, wanted, words)
    if revision is None:
        return OK
    screen = call.screen
    call.lines(output.paragraph("lane %s %s, revision %d" % (call.args.name, said, revision.number), screen, "", "  "))
    call.lines(lane_view.story(call, store.read(call), wanted))
    call.lines(output.paragraph(hint, screen, "  next       "))
    return OK
