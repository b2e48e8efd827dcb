# The bundle as an image: pure Python, the same for every architecture and libc.
#
#   meshctl bundle build/bundle
#   docker build -t meshrun -f docker/bundle.Dockerfile build/bundle                 (podman build, buildah bud)
#   docker build -t meshrun-copy --target copy -f docker/bundle.Dockerfile build/bundle
#
# `meshrun` holds the tree at its root and nothing else: for COPY --from, and for image volumes. `meshrun-copy` has a
# shell too, and copies the tree into the volume of an init container. docs/image.md shows all three.

ARG TOOLS=docker.io/library/busybox:stable

FROM scratch AS bundle
COPY . /
LABEL org.opencontainers.image.title="meshrun bundle" \
      org.opencontainers.image.licenses="Apache-2.0"
USER 65532:65532

FROM ${TOOLS} AS copy
COPY --from=bundle / /meshrun
USER 65532:65532
# Whole or not at all, and harmless a second time: an init container may run again on a volume that it has filled.
CMD ["sh", "-c", "set -e; cd /target; if [ ! -e meshrun ]; then if [ -e .meshrun ]; then chmod -R u+w .meshrun; rm -rf .meshrun; fi; cp -r /meshrun .meshrun; mv .meshrun meshrun; fi; cat meshrun/VERSION"]

FROM bundle
