# httptp in an image of its own: docker build -t httptp . && docker run -p 8080:8080 httptp --listen http://:8080 …
#
# This file was written without a Docker engine at hand: its two stages are what Scripts/lib.sh installs and what the README
# builds, but nobody has built it yet.
FROM swift:6.3-bookworm AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends pkg-config zlib1g-dev liblz4-dev libsnappy-dev libzstd-dev \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN swift build -c release --static-swift-stdlib --experimental-lto-mode=full -Xswiftc -use-ld=lld --product httptp \
 && cp "$(swift build -c release --static-swift-stdlib --show-bin-path)/httptp" /httptp

FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates zlib1g liblz4-1 libsnappy1v5 libzstd1 \
 && rm -rf /var/lib/apt/lists/*
COPY --from=build /httptp /usr/local/bin/httptp
# The live page, /metrics and /readyz are inside the container only, unless -expvarAddr says otherwise.
USER 65534:65534
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/httptp"]
