"""Tells all that a program can ask of the classes and functions of the modules that it is told."""

import gc
import importlib
import inspect
import pickle
import sys

import proof_witness

NAMES = ("__module__", "__name__", "__qualname__", "__doc__", "__annotations__")
KINDS = (
    inspect.iscoroutinefunction,
    inspect.isgeneratorfunction,
    inspect.isasyncgenfunction,
    inspect.isfunction,
    inspect.isroutine,
    inspect.isclass,
    callable,
)


def public(name):
    """Whether others than the library itself use a name."""
    return not name.startswith("_") or name.startswith("__")


def described(thing):
    """Name -> what is found there."""
    found = {name: repr(getattr(thing, name, None))[:300] for name in NAMES}
    found["type"] = type(thing).__qualname__
    found["kinds"] = [kind(thing) for kind in KINDS]
    try:
        found["signature"] = str(inspect.signature(thing))
    except (TypeError, ValueError) as error:
        found["signature"] = type(error).__name__
    try:
        found["pickle"] = pickle.loads(pickle.dumps(thing)) is thing
    except Exception as error:
        found["pickle"] = type(error).__name__
    if inspect.isclass(thing):
        found["bases"] = [base.__qualname__ for base in thing.__mro__]
        found["subclasses"] = [
            other.__qualname__ for other in thing.__subclasses__() if not proof_witness.own(other.__module__)
        ]
        found["attributes"] = sorted(vars(thing))
        for name, attribute in vars(thing).items():
            function = getattr(attribute, "__func__", attribute)
            if public(name) and (inspect.isroutine(function) or isinstance(attribute, property)):
                found.update((name + "." + key, value) for key, value in described(function).items())
    return found


for name in sys.argv[1:]:
    module = importlib.import_module(name)
    gc.collect()  # `attrs` replaces classes; whether the first one is gone is else a matter of chance
    whole = {
        "module": repr((module.__spec__, module.__loader__, getattr(module, "__file__", None))),
        "names": sorted(vars(module)),
    }
    for attribute, thing in sorted(vars(module).items()):
        if public(attribute) and (inspect.isclass(thing) or inspect.isroutine(thing)):
            whole.update(("%s %s" % (attribute, key), value) for key, value in described(thing).items())
    proof_witness.tell(name, whole)
