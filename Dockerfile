# syntax=docker/dockerfile:1
# The packages are built into a virtualenv, which the second stage takes as it is: no pip, no cache, no compiler there.
FROM python:3.13-slim-bookworm AS packages
WORKDIR /srv/chat
COPY requirements.txt ./
RUN python -m venv /srv/venv \
 && /srv/venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.txt

FROM python:3.13-slim-bookworm
ENV PATH=/srv/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOST=0.0.0.0 \
    PORT=3000 \
    DATA_DIR=/data \
    LOG_FORMAT=json
RUN useradd --system --uid 10001 --home-dir /srv/chat --shell /usr/sbin/nologin chat \
 && install -d -o chat -g chat -m 700 /data
WORKDIR /srv/chat
COPY --from=packages /srv/venv /srv/venv
COPY migrations.sql README.md CHANGELOG.md LICENSE wsgi.py ./
COPY docs ./docs
COPY chat ./chat
RUN python -m compileall -q chat wsgi.py
USER 10001
# What it keeps itself, where no DATABASE_URL is set: the embedded database, its secret, files.
VOLUME /data
EXPOSE 3000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/health', timeout=4)"]
CMD ["python", "wsgi.py"]
