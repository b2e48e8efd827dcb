"""The operators' side: meshctl."""
