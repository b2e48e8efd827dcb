"""The shop's front: a plain Flask app that calls orders. It knows nothing of the mesh."""

import os

import requests
from flask import Flask, jsonify

app = Flask(__name__)
session = requests.Session()
VERSION = os.environ.get("APP_VERSION", "baseline")


@app.get("/")
def index():
    answer = session.get("http://orders/orders/7", timeout=10)
    answer.raise_for_status()
    return jsonify(path=["web " + VERSION, *answer.json()["path"]])


@app.post("/buy")
def buy():
    answer = session.post("http://orders/orders", json={"item": 7}, timeout=10)
    answer.raise_for_status()
    return jsonify(path=["web " + VERSION, *answer.json()["path"]])
