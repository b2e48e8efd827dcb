# The three apps of the demo, as an app's team would write it: nothing of the mesh in here.
#
#   docker build -t meshrun-demo -f docker/demo.Dockerfile examples/demo

ARG BASE=company/python
FROM ${BASE}
USER 0
COPY requirements.txt /tmp/requirements.txt
RUN python3 -m venv /opt/app && /opt/app/bin/pip install --no-cache-dir -r /tmp/requirements.txt
COPY apps /app
ENV PATH=/opt/app/bin:$PATH
WORKDIR /app
USER 10001:10001
EXPOSE 8000
CMD ["gunicorn", "--worker-class", "gthread", "--threads", "8", "--bind", "0.0.0.0:8000", "web:app"]
