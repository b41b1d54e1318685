# One image for operator and server: docker build --tag saleor-segment-operator:0.1.0 .
#
# BASE is any image with Python >= 3.11, its venv and pip. Packages are checked against their hashes.
# Without an index they come from a folder wheelhouse/ beside this file:
#   pip download --require-hashes -r requirements.txt -r requirements-build.txt -d wheelhouse
#   docker build --build-arg PIP_NO_INDEX=1 --build-arg PIP_FIND_LINKS=/build …
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
# pip reads its options from variables of these names.
ARG PIP_NO_INDEX
ARG PIP_FIND_LINKS
ARG PIP_INDEX_URL
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ONLY_BINARY=:all: PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY requirements.txt requirements-build.txt wheelhouse* ./
# What goes into the image has no pip; the tools that fill it stay behind.
RUN python3 -m venv tools && python3 -m venv --without-pip /opt/saleor-segment \
 && tools/bin/pip install --require-hashes -r requirements-build.txt \
 && tools/bin/pip --python /opt/saleor-segment/bin/python install --require-hashes -r requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY operator operator
COPY webhook_server webhook_server
RUN tools/bin/pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
 && tools/bin/pip --python /opt/saleor-segment/bin/python install --no-index --no-deps dist/*.whl

FROM ${BASE}
ARG VERSION=0.1.0
ARG REVISION
LABEL org.opencontainers.image.title="saleor-segment-operator" \
      org.opencontainers.image.description="Brings a Saleor shop's order events to Twilio Segment, and loses none." \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /opt/saleor-segment /opt/saleor-segment
# Compiled above: the root may be read-only.
ENV PATH=/opt/saleor-segment/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
# A number: so Kubernetes sees that it is not root.
USER 10001:10001
EXPOSE 8080 8081
ENTRYPOINT ["saleor-segment"]
