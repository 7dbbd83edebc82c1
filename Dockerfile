# servehttp with a workspace, compiled. What is kept is in /data, which is all that is written, but for /tmp.
#
#     docker build --tag servehttp .
#     docker run --read-only --tmpfs /tmp --volume data:/data --volume ./plugins:/plugins:ro --publish 8065:8065 \
#         --stop-timeout 60 servehttp servehttp serve /plugins

FROM python:3.13-bookworm AS build
WORKDIR /src
COPY . .
RUN BUILD_SERVEHTTP=compiled pip wheel --no-cache-dir --wheel-dir /wheels '.[workspace,postgres,s3]'

FROM python:3.13-slim-bookworm
# Files are root's: what runs here cannot change what it is.
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-index --find-links /wheels 'servehttp[workspace,postgres,s3]' \
    && useradd --system --uid 10001 --no-create-home --home-dir /data servehttp \
    && install --directory --owner servehttp --group servehttp --mode 0700 /data
ENV SERVEHTTP_DATA_DIR=/data \
    SERVEHTTP_LOG__FORMAT=json \
    SERVEHTTP_SERVER__HOST=0.0.0.0
USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 8065
STOPSIGNAL SIGTERM
# Whether it lives: /readyz asks whether plugins serve, which no new container mends.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8065/livez', timeout=4)"]
# In the exec form, so that signals reach the gateway.
CMD ["servehttp", "serve"]
