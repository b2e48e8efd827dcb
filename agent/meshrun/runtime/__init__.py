"""The live process: snapshot, context, agent thread, fork."""
