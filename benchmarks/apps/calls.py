"""A plain client that makes so many calls and ends:  calls.py LIBRARY URL CALLS

What was made until then is frozen: a full collection of garbage within the calls that count costs more than a hundred
of them, and whether one falls there is chance. meshrun's thread, where there is one, stops looking about: in a slowed
clock its four looks a second meet a few calls instead of thousands.
"""

import gc
import sys

import caller

many = getattr(caller, sys.argv[1] + "_caller")(sys.argv[2])
many(caller.WARM)
agent = sys.modules.get("meshrun.runtime.agent")
if agent is not None:
    agent.TICK_SECONDS = 1e6
gc.collect()
gc.freeze()
many(int(sys.argv[3]))
