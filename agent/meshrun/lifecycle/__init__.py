"""The serving side of a process: listening, registration, readiness, signals, drain."""
