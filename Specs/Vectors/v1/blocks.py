#!/usr/bin/env python3
"""Writes blocks.json: blocks of protocol v1 (rules V1-11 to V1-18) by other implementations than ours.

    pip install zstandard lz4 cramjam && apt-get install golang-github-klauspost-compress-dev
    GO111MODULE=off GOPATH=/usr/share/gocode go run blocks.go > go.json; ./blocks.py go.json > blocks.json

zlib, zstd and lz4 are the C libraries by way of Python, cramjam is snappy in Rust, and blocks.go adds flate, zstd and
snappy in Go. Nothing is random: run again, it writes the same, as long as the libraries do.
"""
import hashlib
import json
import sys
import zlib

import cramjam
import lz4.block
import lz4
import zstandard


def text(index, length):
    """Bytes like a message's, the same for the same arguments."""
    result = b""
    while len(result) < length:
        digest = hashlib.sha256(b"%d %d" % (index, len(result))).hexdigest()
        message = '{"id":"%s","imp":[{"banner":{"w":300,"h":250}}],"site":{"domain":"example.com"}},' % digest[:2]
        result += message.encode()
    return result[:length]


def noise(index, length):
    return b"".join(hashlib.sha256(b"noise %d %d" % (index, n)).digest() for n in range(length // 32 + 1))[:length]


def block(codec, encoded, plain, resets=False, fails=None):
    result = {"codec": codec, "resets": resets, "encoded": encoded.hex(), "decoded_length": len(plain)}
    if fails:
        result["fails"] = fails
    elif len(plain) <= 1024:
        result["decoded"] = plain.hex()
    else:
        result["decoded_sha256"] = hashlib.sha256(plain).hexdigest()
    return result


def stored(plain):
    return block("none", plain, plain)


class Flate:
    def __init__(self, level=6):
        self.stream = zlib.compressobj(level, zlib.DEFLATED, -15)

    def __call__(self, plain):
        encoded = self.stream.compress(plain) + self.stream.flush(zlib.Z_SYNC_FLUSH)
        assert encoded.endswith(b"\x00\x00\xff\xff")
        return encoded[:-4]


class Zstd:
    def __init__(self, level=3, window_log=17, **options):
        parameters = zstandard.ZstdCompressionParameters.from_level(
            level, window_log=window_log, write_content_size=options.pop("write_content_size", False), **options)
        self.stream = zstandard.ZstdCompressor(compression_params=parameters).compressobj()

    def __call__(self, plain):
        return self.stream.compress(plain) + self.stream.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)

    def end(self, plain):
        return self.stream.compress(plain) + self.stream.flush(zstandard.COMPRESSOBJ_FLUSH_FINISH)


class LZ4:
    def __init__(self):
        self.history = b""

    def __call__(self, plain):
        encoded = lz4.block.compress(plain, store_size=False, dict=self.history[-65535:])
        self.history += plain
        return encoded


class Snappy:
    def __call__(self, plain):
        return bytes(cramjam.snappy.compress_raw(plain))


PLAIN = [text(1, 300), text(2, 1000), text(3, 65536), text(4, 65536), text(5, 77), text(1, 300)]


def row(name, maker, codec, encoder):
    blocks = []
    for plain in PLAIN:
        encoded = encoder(plain)
        # Only snappy, which has no history, ever fails to make one of these shorter.
        shrunk = len(encoded) < len(plain)
        blocks.append(block(codec, encoded, plain, resets=not blocks) if shrunk else stored(plain))
    return {"name": name, "maker": maker, "blocks": blocks}


def mixed():
    """Every codec in one direction, with stored blocks between, which leave no trace, and a release."""
    blocks = []
    for codec, encoder in [("flate", Flate()), ("zstd", Zstd()), ("lz4", LZ4()), ("snappy", Snappy())]:
        for index in range(3):
            blocks.append(block(codec, encoder(text(index, 500)), text(index, 500), resets=index == 0))
            blocks.append(stored(noise(index, 100)))
    blocks.append({"release": True})
    encoder = Zstd()
    blocks.append(block("zstd", encoder(text(1, 500)), text(1, 500), resets=True))
    blocks.append(block("zstd", encoder(text(2, 500)), text(2, 500)))
    # RESET is allowed on any encoded block.
    blocks.append(block("zstd", Zstd()(text(2, 500)), text(2, 500), resets=True))
    return {"name": "mixed", "maker": "several", "blocks": blocks}


def refused(name, blocks):
    return {"name": "refused: " + name, "maker": "several", "blocks": blocks}


def refusals():
    plain = text(1, 500)
    corrupt = "corruptInput"

    def first(name, codec, encoded, fails=corrupt, length=500):
        return refused(name, [block(codec, encoded, bytes(length), resets=True, fails=fails)])

    ended = zlib.compressobj(6, zlib.DEFLATED, -15)
    yield first("flate with a final block", "flate", ended.compress(plain) + ended.flush())
    yield first("flate with its marker", "flate", Flate()(plain) + b"\x00\x00\xff\xff")
    yield first("flate with a zlib header", "flate", zlib.compress(plain))
    yield first("flate that gives one byte less", "flate", Flate()(plain), length=501)
    yield first("flate that gives one byte more", "flate", Flate()(plain), length=499)
    yield first("zstd whose frame ends", "zstd", Zstd().end(plain))
    yield first("zstd with a checksum", "zstd", Zstd(write_checksum=True)(plain))
    yield first("zstd with a content size", "zstd", zstandard.ZstdCompressor(write_checksum=False).compress(plain))
    yield first("zstd with too large a window", "zstd", Zstd(window_log=18)(plain), fails="windowTooLarge")
    yield first("zstd with a dictionary", "zstd", bytes.fromhex("28b52ffd01382a") + Zstd()(plain)[6:])
    yield first("zstd behind a skippable frame", "zstd", bytes.fromhex("502a4d180100000000") + Zstd()(plain))
    yield first("zstd that gives one byte less", "zstd", Zstd()(plain), length=501)
    yield first("zstd that gives one byte more", "zstd", Zstd()(plain), length=499)
    yield first("lz4 with its length in front", "lz4", lz4.block.compress(plain, store_size=True))
    yield first("lz4 that gives one byte less", "lz4", LZ4()(plain), length=501)
    yield first("lz4 that gives one byte more", "lz4", LZ4()(plain), length=499)
    yield first("snappy with framing", "snappy", bytes(cramjam.snappy.compress(plain)))
    yield first("snappy that gives one byte less", "snappy", Snappy()(plain), length=501)

    for codec, make in [("flate", Flate), ("zstd", Zstd), ("lz4", LZ4), ("snappy", Snappy)]:
        missing = "missingReset"
        yield refused(codec + " without RESET at first", [block(codec, make()(plain), plain, fails=missing)])
        other, encoder = ("zstd", Zstd()) if codec == "flate" else ("flate", Flate())
        yield refused(codec + " without RESET behind another codec", [
            block(other, encoder(plain), plain, resets=True), block(codec, make()(plain), plain, fails=missing)])
        encoder = make()
        yield refused(codec + " without RESET behind a release", [
            block(codec, encoder(plain), plain, resets=True), {"release": True},
            block(codec, encoder(plain), plain, fails=missing)])
    lost = LZ4()
    lost(plain)
    yield refused("lz4 with a match into a history that a RESET ended", [
        block("lz4", LZ4()(plain), plain, resets=True), block("lz4", lost(plain), plain, resets=True, fails=corrupt)])
    lost = LZ4()
    secret = noise(1, 400)
    lost(secret)
    yield refused("lz4 with a match into a stored block", [
        block("lz4", LZ4()(plain[:200]), plain[:200], resets=True), stored(secret),
        block("lz4", lost(secret), secret, fails=corrupt)])


def main():
    sequences = [
        row("flate 6", "zlib " + zlib.ZLIB_RUNTIME_VERSION, "flate", Flate(6)),
        row("flate 1", "zlib " + zlib.ZLIB_RUNTIME_VERSION, "flate", Flate(1)),
        row("zstd 1", "libzstd %d.%d.%d" % zstandard.ZSTD_VERSION, "zstd", Zstd(1)),
        row("zstd 19, window 2^10", "libzstd %d.%d.%d" % zstandard.ZSTD_VERSION, "zstd", Zstd(19, 10)),
        row("lz4", "liblz4 " + lz4.library_version_string(), "lz4", LZ4()),
        row("snappy", "cramjam " + cramjam.__version__, "snappy", Snappy()),
        mixed(),
    ]
    for path in sys.argv[1:]:
        with open(path) as file:
            sequences += json.load(file)
    sequences += refusals()
    json.dump({"sequences": sequences}, sys.stdout, indent=1)
    print()


main()
