"""Looks at each process of a program when it starts and when it ends; the program itself knows nothing of it.

Stands on the PYTHONPATH of every run that is compared, bare or not. It loads what the interpreter has loaded anyway,
and `atexit`, which is built in.
"""

import atexit

import proof_witness

proof_witness.look("start")
atexit.register(proof_witness.look, "end")
