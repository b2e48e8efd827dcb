"""Pure decisions: no input or output, no threads; clock and randomness are arguments."""
