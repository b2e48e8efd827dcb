# A company's base image for Python services: every program of an image built on it can be in the mesh, and is as soon
# as its deployment names it (MESHRUN_SERVICE). No command, no entrypoint and no line of an app changes.
#
#   docker build -t company/python -f docker/base.Dockerfile docker

ARG PYTHON=docker.io/library/python:3.12-slim-bookworm
ARG MESHRUN=meshrun
FROM ${MESHRUN} AS meshrun

FROM ${PYTHON}
COPY --from=meshrun / /opt/meshrun

# An image that sets its own PYTHONPATH keeps this folder in front: ENV PYTHONPATH=$PYTHONPATH:/app
# A plain ":$PYTHONPATH" here would put the working directory on the path where none was set.
ENV PYTHONPATH=/opt/meshrun/boot${PYTHONPATH:+:$PYTHONPATH} \
    MESHRUN_ENABLED=1 \
    PATH=$PATH:/opt/meshrun/bin

# The store of one machine, where containers that share a volume find each other; whoever mounts it belongs to the group.
RUN mkdir -p /var/lib/meshrun/store && chown 10001:10001 /var/lib/meshrun/store && chmod 2775 /var/lib/meshrun/store

USER 10001:10001
