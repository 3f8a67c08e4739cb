# Runner as a container: dependencies from the lock file, each checked by its hash; no compiler, no root.
#
#   docker build -t runnerd .
#   docker run -v ./workflows:/app/workflows:ro -v runner-data:/app/data -p 8080:8080 -p 127.0.0.1:3000:3000 runnerd

FROM python:3.11-slim-bookworm AS build

ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src

# What builds the wheel stays out of what runs it.
COPY requirements-build.lock .
RUN python -m venv /build && /build/bin/pip install --require-hashes -r requirements-build.lock

# The dependencies make a layer of their own: it changes when the lock does. The extras mysql, aws, fast and tracing are in it.
COPY requirements.lock .
RUN python -m venv /opt/runner && /opt/runner/bin/pip install --require-hashes --only-binary :all: -r requirements.lock

COPY pyproject.toml README.md LICENSE ./
COPY runner runner
RUN /build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /dist . \
    && /opt/runner/bin/pip install --no-deps --no-index /dist/*.whl \
    && /opt/runner/bin/pip uninstall --yes pip


FROM python:3.11-slim-bookworm

ENV PATH=/opt/runner/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    RUNNERD_DASHBOARD_HOST=0.0.0.0

RUN groupadd --gid 10001 runner \
    && useradd --uid 10001 --gid runner --home-dir /app --no-create-home --shell /usr/sbin/nologin runner \
    && install -d -m 0755 /app /app/workflows \
    && install -d -m 0700 -o runner -g runner /app/data /app/data/files

COPY --from=build /opt/runner /opt/runner
# Every key at its default; mount your own over it, or set RUNNERD_ variables.
COPY config.toml.example /app/config.toml

WORKDIR /app
USER 10001:10001
VOLUME /app/data
EXPOSE 8080 3000
STOPSIGNAL SIGTERM

# Whether the process lives, not whether its disk has room: a restart would not make room, and would forget outcomes that wait for it.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 CMD ["python", "-c", \
    "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:%s/healthz' % os.environ.get('RUNNERD_SERVER_PORT', '8080'), timeout=4)"]

ENTRYPOINT ["runner"]
CMD ["start", "--config", "/app/config.toml", "--dashboard"]
