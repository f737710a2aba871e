# docker build -t tocsin . && docker run -p 8420:8420 -v tocsin-data:/data tocsin
FROM python:3.13-slim AS build
WORKDIR /build
RUN python -m venv /opt/tocsin
COPY requirements.lock ./
RUN /opt/tocsin/bin/pip install --no-cache-dir --require-hashes --requirement requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN /opt/tocsin/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.13-slim
RUN useradd --uid 10001 tocsin && install --directory --owner tocsin --mode 700 /data
COPY --from=build /opt/tocsin /opt/tocsin
ENV PATH=/opt/tocsin/bin:$PATH
USER tocsin
ENV TOCSIN_HOST=0.0.0.0 TOCSIN_DATA_DIR=/data
VOLUME /data
EXPOSE 8420
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --start-period=60s CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8420/readyz')"]
ENTRYPOINT ["tocsin"]
CMD ["serve"]
