"""web of the rolling restart: Flask, calls orders."""

import requests
from flask import Flask, jsonify
from journal import executed

app = Flask(__name__)
session = requests.Session()


@app.route("/do/<number>", methods=["GET", "POST"])
def do(number):
    executed("web", number)
    answer = session.post("http://orders/do/" + number, timeout=20)
    answer.raise_for_status()
    return jsonify(answer.json())
