# One binary and the certificates it trusts; it runs as nobody in particular and writes nothing outside /var/lib/bookflow.
FROM rust:1.95-slim-trixie AS build
# Kafka's C library and OpenSSL are compiled in.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends build-essential ca-certificates perl \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY . .
RUN cargo build --profile dist --locked --bin bookflow

FROM debian:trixie-slim
LABEL org.opencontainers.image.title="bookflow" org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /build/target/dist/bookflow /usr/local/bin/bookflow
# A volume that is mounted here takes the owner over.
RUN install --directory --owner=65532 --group=65532 /var/lib/bookflow
USER 65532:65532
# The image is of no use if the binary does not start in it.
RUN ["bookflow", "--version"]
EXPOSE 8081
ENTRYPOINT ["bookflow"]
CMD ["worker"]
