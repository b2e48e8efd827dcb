"""A Celery app over a folder as its broker, with one task that takes until the test says so."""

import os
import time
from pathlib import Path

from celery import Celery

FOLDER = Path(os.environ["CELERY_FOLDER"])
(FOLDER / "queue").mkdir(exist_ok=True)
OPTIONS = {"data_folder_in": str(FOLDER / "queue"), "data_folder_out": str(FOLDER / "queue")}
app = Celery("tasks", broker="filesystem://", broker_transport_options=OPTIONS)
app.conf.broker_connection_retry_on_startup = True


@app.task
def slow():
    (FOLDER / "begun").touch()
    while not (FOLDER / "finish").exists():
        time.sleep(0.05)
    (FOLDER / "finished").touch()
