"""A plain client: calls each URL of its arguments and writes what came, or the error with its causes."""

import re
import sys

import requests

for url in sys.argv[1:]:
    try:
        answer = requests.get(url, timeout=10)
        print(url, answer.status_code, answer.json()["server"])
    except requests.RequestException as error:
        found = error
        while found is not None:
            print(url, type(found).__qualname__, re.sub("0x[0-9a-f]+", "0x", str(found)))
            found = found.__cause__ or found.__context__
