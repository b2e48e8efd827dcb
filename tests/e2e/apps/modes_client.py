"""A plain client: reads a command per line and answers with one."""

import sys
from pathlib import Path

import httpx
import requests

sys.path.insert(0, str(Path(__file__).parent))
import seams

session = requests.Session()
client = httpx.Client(timeout=10)
held = []


def fetch(word, url):
    if word == "httpx":
        return client.get(url).json()
    return session.get(url, timeout=10).json()


for line in sys.stdin:
    word, _, url = line.strip().partition(" ")
    if word == "seams":
        print(seams.state(), flush=True)
    elif word == "hold":
        held.append(session.get(url, timeout=10, stream=True))
        print("held", flush=True)
    elif word == "release":
        print(held.pop().json()["server"], flush=True)
    else:
        try:
            seen = fetch(word, url)
            print(seen["server"], flush=True)
        except (requests.RequestException, httpx.HTTPError) as error:
            print(type(error).__name__, flush=True)
