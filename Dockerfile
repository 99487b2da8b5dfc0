# The service as an image: the base system, Python, and the packages of requirements-runtime.lock; no compiler and no
# package manager of its own. It runs as user 65532 and writes to /var/lib/slo alone, so the root may be read-only:
#   docker build -t slo .
#   docker run --read-only --cap-drop ALL -v slo:/var/lib/slo -v "$PWD/objectives:/etc/slo:ro" -p 8080:8080 slo
# Packages come from where pip is configured to find them. A machine with a mirror hands its configuration and its
# certificates to the build, and neither is kept: --secret id=pip,src=/etc/pip.conf --secret id=ca,src=BUNDLE
ARG BASE_IMAGE=python:3.13-slim@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b

FROM ${BASE_IMAGE} AS build
WORKDIR /src
COPY requirements.lock requirements-runtime.lock ./
# Wheels only: nothing is compiled, so the base needs no compiler. The tests and headers of packages are of no use here,
# nor is the asynchronous half of Kubernetes' client.
RUN --mount=type=secret,id=pip,target=/etc/pip.conf --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    python3 -m venv /tools && python3 -m venv --without-pip /opt/slo \
    && awk '/^[^ #]/ {keep = /^setuptools==/} keep' requirements.lock > /tools/build.lock \
    && /tools/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r /tools/build.lock \
    && /tools/bin/pip --python /opt/slo/bin/python3 install --no-cache-dir --require-hashes --only-binary :all: \
        -r requirements-runtime.lock \
    && find /opt/slo -depth -type d \( -name tests -o -name include -o -path '*/kubernetes/aio' \) \
        -path '*/site-packages/*' -exec rm -r {} +
COPY pyproject.toml README.md ./
COPY slo slo
RUN /tools/bin/pip wheel --no-cache-dir --no-index --no-deps --no-build-isolation --wheel-dir /tools . \
    && /tools/bin/pip --python /opt/slo/bin/python3 install --no-index --no-deps /tools/slo-*.whl \
    && install -d -o 65532 -g 65532 /state

FROM ${BASE_IMAGE}
COPY --from=build /opt/slo /opt/slo
COPY --from=build --chown=65532:65532 /state /var/lib/slo
# Output in whole lines at once; bytecode was compiled above, and a read-only root takes none.
ENV PATH=/opt/slo/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    SLO_LEDGER=/var/lib/slo/slo.db SLO_OBJECTIVES=/etc/slo
USER 65532:65532
WORKDIR /var/lib/slo
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
    CMD ["python3", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/healthz', timeout=2)"]
ENTRYPOINT ["slo"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8080"]
