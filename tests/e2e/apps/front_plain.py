"""A program without a signal handler of its own, which serves the plain WSGI app that calls stock."""

from werkzeug.serving import run_simple

from tests.e2e.apps.front_wsgi import application

run_simple("127.0.0.1", 0, application, threaded=True)
