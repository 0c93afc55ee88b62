# The server with its models in one small image, for processors: `docker build -t ktp-ocr .`; docs/triton.md is for GPUs.
#
# Pin the base by digest with --build-arg PYTHON_IMAGE=python@sha256:...
ARG PYTHON_IMAGE=python:3.11.13-slim-bookworm

FROM ${PYTHON_IMAGE} AS wheels
WORKDIR /build
COPY constraints.txt pyproject.toml hatch_build.py README.md LICENSE ./
COPY proto proto
COPY preprocessing preprocessing
COPY postprocessing postprocessing
COPY server server
COPY specimen specimen
COPY triton_models triton_models
RUN python -m pip wheel --no-cache-dir --constraint constraints.txt --wheel-dir /wheels '.[otel]'

FROM ${PYTHON_IMAGE} AS server
LABEL org.opencontainers.image.title="ktp-ocr" \
      org.opencontainers.image.description="gRPC server that reads Indonesian identity cards" \
      org.opencontainers.image.licenses="Apache-2.0"
# The packages keep their metadata, from which a bill of materials is made.
RUN --mount=type=bind,from=wheels,source=/wheels,target=/wheels \
    python -m pip install --no-cache-dir --no-compile --no-index --find-links /wheels 'ktp-ocr[otel]'
# Beyond loopback the server asks for API keys, or to be told KTP_OCR_INSECURE=true: the image decides neither.
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    ORT_DISABLE_TELEMETRY=1 \
    KTP_OCR_LISTEN_ADDRESS=0.0.0.0:50051 \
    KTP_OCR_HTTP_ADDRESS=0.0.0.0:8080 \
    KTP_OCR_LOG_FORMAT=json
# It writes nothing but a socket below /tmp: run it with --read-only --tmpfs /tmp.
USER 10001:10001
EXPOSE 50051 8080
# Longer than drain_grace_s, or Docker kills what SIGTERM lets finish: docker run --stop-timeout 30.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=4s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/readyz', timeout=3)"]
ENTRYPOINT ["ktp-ocr"]
CMD ["serve"]
