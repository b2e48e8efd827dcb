"""Counters, events and their exposition."""
