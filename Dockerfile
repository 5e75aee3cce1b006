# The dashboard only, without dlt and dbt: it can read published marts and nothing else.
#   docker build -t movielens-dashboard .
#   docker run --read-only --tmpfs /tmp -p 8501:8501 -v "$PWD/.movielens:/data:ro" movielens-dashboard
# With Snowflake: --build-arg REQUIREMENTS=dashboard/requirements-snowflake.lock; docs/dashboard.md.
#
# By digest: a tag can be moved. Dependabot proposes newer ones.
FROM python:3.12-slim@sha256:78387bc3881b8273120a12ebe6c1ab22b018ccc2c9adf565ae1ac9b536e184ea

ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    MOVIELENS_HOME=/data \
    STREAMLIT_SERVER_ADDRESS=0.0.0.0 \
    STREAMLIT_SERVER_PORT=8501

WORKDIR /app

# Every package with its version and its hash, those that others need too.
ARG REQUIREMENTS=dashboard/requirements.lock
COPY dashboard/requirements.lock dashboard/requirements-snowflake.lock dashboard/
RUN pip install --no-cache-dir --disable-pip-version-check --require-hashes --only-binary :all: -r "$REQUIREMENTS"

COPY .streamlit/config.toml .streamlit/
COPY ingestion/__init__.py ingestion/layout.py ingestion/literals.py ingestion/
COPY ingestion/warehouse/__init__.py ingestion/warehouse/snowflake_login.py ingestion/warehouse/
COPY dashboard/ dashboard/

# A user who owns no files; what a program would keep in a home goes to the one place that is writable.
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin dashboard
USER 10001

EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f'http://127.0.0.1:{os.environ[\"STREAMLIT_SERVER_PORT\"]}/_stcore/health', timeout=4)"]

CMD ["streamlit", "run", "dashboard/server.py"]
