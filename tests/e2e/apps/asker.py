"""A plain client: reads a URL per line, writes who answered, or the name of the error."""

import sys

import requests

for line in iter(sys.stdin.readline, ""):
    try:
        answer = requests.get(line.strip(), timeout=10)
        print(answer.json()["server"] if answer.status_code == 200 else answer.status_code, flush=True)
    except Exception as error:
        print(type(error).__name__, flush=True)
