"""A plain client that makes so many calls and ends:  calls.py LIBRARY URL CALLS

What was made until then is frozen: a full collection of garbage within the calls that count costs more than a hundred
of them, and whether one falls there is chance.
"""

import gc
import sys

import caller

many = getattr(caller, sys.argv[1] + "_caller")(sys.argv[2])
many(caller.WARM)
gc.collect()
gc.freeze()
many(int(sys.argv[3]))
