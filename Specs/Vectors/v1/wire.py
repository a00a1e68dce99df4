#!/usr/bin/env python3
"""Writes wire.json: golden bytes of Specs/protocol-v1.md for what TeleportWire reads and writes, and two whole exchanges.

Written from the rules alone, with nothing of the implementation. Run it in this folder.
"""
import json
import struct


MAGIC = b"httpteleport"
END, SENSITIVE, NO_REPLY, INTERIM, TUNNEL, DEADLINE = 1, 2, 4, 8, 16, 32


def u24(n):
    return struct.pack("<I", n)[:3]


def frame(kind, payload=b"", flags=0, stream=0):
    return u24(len(payload)) + bytes([kind, flags]) + struct.pack("<I", stream) + payload


def block(codec, encoded, decoded_length, flags=0):
    return bytes([codec | flags]) + u24(len(encoded)) + u24(decoded_length) + encoded


def stored(plain):
    return block(0, plain, len(plain))


def settings(*pairs):
    return frame(0, b"".join(struct.pack("<HI", k, v) for k, v in pairs))


def message(kind, head, body=b"", flags=0, stream=1, deadline=None):
    payload = b"" if deadline is None else struct.pack("<I", deadline)
    flags |= 0 if deadline is None else DEADLINE
    return frame(kind, payload + u24(len(head)) + head + body, flags, stream)



prefaces = [
    {"rule": "V1-1", "bytes": MAGIC + b"\x01\x00\x00", "decodes": []},
    {"rule": "V1-1", "bytes": MAGIC + b"\x01\x0f\x00", "decodes": ["flate", "snappy", "lz4", "zstd"]},
    {"rule": "V1-1", "bytes": MAGIC + b"\x01\xf8\x00", "decodes": ["zstd"], "why": "other bits are ignored"},
    {"rule": "V1-2", "bytes": b"httpteleporT\x01\x00\x00", "wrong_at": 11},
    {"rule": "V1-2", "bytes": MAGIC + b"\x02\x00\x00", "wrong_at": 12},
    {"rule": "V1-2", "bytes": MAGIC + b"\x01\x00\x01", "wrong_at": 14},
]

block_headers = [
    {"rule": "V1-10", "bytes": b"\x00\x05\x00\x00\x05\x00\x00", "codec": "stored", "encoded": 5, "decoded": 5},
    {"rule": "V1-10", "bytes": b"\x14\x01\x02\x00\x00\x00\x01", "codec": "zstd", "resets": True, "encoded": 513,
     "decoded": 65536},
    {"rule": "V1-14", "bytes": b"\x20\x00\x00\x00\x00\x00\x00", "codec": "stored", "releases": True, "encoded": 0,
     "decoded": 0},
    {"rule": "V1-11", "bytes": b"\x00\x00\x00\x00\x00\x00\x00", "error": "BLOCK", "why": "decodes to nothing"},
    {"rule": "V1-11", "bytes": b"\x00\x01\x00\x01\x01\x00\x01", "error": "BLOCK", "why": "65,537 bytes"},
    {"rule": "V1-11", "bytes": b"\x00\x05\x00\x00\x06\x00\x00", "error": "BLOCK", "why": "a stored block of two lengths"},
    {"rule": "V1-11", "bytes": b"\x11\x05\x00\x00\x05\x00\x00", "error": "BLOCK", "why": "did not shrink"},
    {"rule": "V1-11", "bytes": b"\x11\x00\x00\x00\x05\x00\x00", "error": "BLOCK", "why": "no encoded byte"},
    {"rule": "V1-11", "bytes": b"\x05\x01\x00\x00\x05\x00\x00", "error": "BLOCK", "why": "an unknown codec"},
    {"rule": "V1-11", "bytes": b"\x41\x01\x00\x00\x05\x00\x00", "error": "BLOCK", "why": "an unknown flag"},
    {"rule": "V1-11", "bytes": b"\x81\x01\x00\x00\x05\x00\x00", "error": "BLOCK", "why": "an unknown flag"},
    {"rule": "V1-13", "bytes": b"\x10\x05\x00\x00\x05\x00\x00", "error": "BLOCK", "why": "RESET on a stored block"},
    {"rule": "V1-14", "bytes": b"\x21\x00\x00\x00\x00\x00\x00", "error": "BLOCK", "why": "RELEASE with a codec"},
    {"rule": "V1-14", "bytes": b"\x20\x01\x00\x00\x01\x00\x00", "error": "BLOCK", "why": "RELEASE with content"},
    {"rule": "V1-14", "bytes": b"\x30\x00\x00\x00\x00\x00\x00", "error": "BLOCK", "why": "RELEASE and RESET"},
]

# GET /x, authority a, no fields; 200, no reason, no fields.
request_head = b"\x01\x00" + b"\x02/x" + b"\x01a" + b"\x00"
response_head = struct.pack("<H", 200) + b"\x00" + b"\x00"

frames = [
    {"rule": "V1-25", "bytes": settings(), "type": "settings", "settings": {}},
    {"rule": "V1-25", "bytes": settings((1, 10), (3, 0), (4, 65536), (5, 20)), "type": "settings",
     "settings": {"1": 10, "3": 0, "4": 65536, "5": 20}},
    {"rule": "V1-25", "bytes": settings((9, 1), (2, 256)), "type": "settings", "settings": {"2": 256},
     "why": "an unknown key is ignored", "canonical": False},
    {"rule": "V1-25", "bytes": settings((1, 1), (1, 1)), "error": "SETTINGS", "why": "a key twice"},
    {"rule": "V1-25", "bytes": settings((2, 255)), "error": "SETTINGS"},
    {"rule": "V1-25", "bytes": settings((3, 1 << 31)), "error": "SETTINGS"},
    {"rule": "V1-25", "bytes": settings((4, 65535)), "error": "SETTINGS"},
    {"rule": "V1-25", "bytes": settings((5, 16)), "error": "SETTINGS"},
    {"rule": "V1-25", "bytes": settings((5, 28)), "error": "SETTINGS"},
    {"rule": "V1-25", "bytes": frame(0, b"\x01\x00\x01\x00\x00"), "error": "SETTINGS", "why": "half a setting"},
    {"rule": "V1-25", "bytes": settings(*[(100 + k, 0) for k in range(65)]), "error": "FRAME", "why": "65 settings"},
    {"rule": "V1-21", "bytes": message(1, request_head, flags=END), "type": "request", "flags": ["end"], "stream": 1,
     "head": request_head, "body": b""},
    {"rule": "V1-38", "bytes": message(1, request_head, b"hi", END, 0x01020304, 3000), "type": "request",
     "flags": ["end", "deadline"], "stream": 0x01020304, "head": request_head, "body": b"hi", "deadline": 3000},
    {"rule": "V1-21", "bytes": message(2, response_head, b"ok", END), "type": "response", "flags": ["end"], "stream": 1,
     "head": response_head, "body": b"ok"},
    {"rule": "V1-35", "bytes": message(2, b"", b"", END), "type": "response", "flags": ["end"], "stream": 1, "head": b"",
     "body": b""},
    {"rule": "V1-22", "bytes": frame(1, b"\x02\x00", END, 1), "error": "FRAME", "why": "no length of the head"},
    {"rule": "V1-22", "bytes": frame(1, b"\x02\x00\x00x", END, 1), "error": "FRAME", "why": "the head ends early"},
    {"rule": "V1-22", "bytes": frame(1, b"\x01\x00\x00", END | DEADLINE, 1), "error": "FRAME",
     "why": "the deadline ends early"},
    {"rule": "V1-21", "bytes": frame(3, b"data", END, 7), "type": "data", "flags": ["end"], "stream": 7},
    {"rule": "V1-21", "bytes": frame(4, b"\x00", END, 7), "type": "trailers", "flags": ["end"], "stream": 7},
    {"rule": "V1-21", "bytes": frame(5, b"\x01x", 0, 7), "type": "secrets", "flags": [], "stream": 7},
    {"rule": "V1-21", "bytes": frame(6, b"\x02\x00", 0, 7), "type": "cancel", "flags": [], "stream": 7, "code": "REFUSED"},
    {"rule": "V1-41", "bytes": frame(7, struct.pack("<I", 1 << 20), 0, 7), "type": "credit", "flags": [], "stream": 7,
     "credit": 1 << 20},
    {"rule": "V1-41", "bytes": frame(7, struct.pack("<I", 1 << 20)), "type": "credit", "flags": [], "credit": 1 << 20},
    {"rule": "V1-50", "bytes": frame(8, b"12345678"), "type": "ping", "flags": []},
    {"rule": "V1-50", "bytes": frame(9, b"12345678"), "type": "pong", "flags": []},
    {"rule": "V1-51", "bytes": frame(10, struct.pack("<IH", 0xFFFFFFFF, 0)), "type": "goAway", "flags": [],
     "last": 0xFFFFFFFF, "code": "NO_ERROR", "text": ""},
    {"rule": "V1-53", "bytes": frame(10, struct.pack("<IH", 3, 16) + b"why"), "type": "goAway", "flags": [], "last": 3,
     "code": "BLOCK", "text": "why"},
    {"rule": "V1-24", "bytes": frame(0x7F, b"anything", 0xFF, 9), "type": None},
    {"rule": "V1-24", "bytes": frame(3, b"x", 0x40, 9), "error": "FRAME", "why": "an unknown flag"},
    {"rule": "V1-22", "bytes": frame(3, b"x", NO_REPLY, 9), "error": "FRAME", "why": "another type's flag"},
    {"rule": "V1-22", "bytes": frame(3, b"x"), "error": "FRAME", "why": "no stream"},
    {"rule": "V1-22", "bytes": frame(8, b"12345678", 0, 1), "error": "FRAME", "why": "a stream"},
    {"rule": "V1-22", "bytes": frame(8, b"1234567"), "error": "FRAME", "why": "seven bytes"},
    {"rule": "V1-22", "bytes": frame(6, b"\x01", 0, 1), "error": "FRAME", "why": "one byte"},
    {"rule": "V1-22", "bytes": frame(7, b"\x01\x00\x00", 0, 1), "error": "FRAME", "why": "three bytes"},
    {"rule": "V1-22", "bytes": frame(10, b"\x01\x00\x00\x00\x00"), "error": "FRAME", "why": "too short"},
    {"rule": "V1-22", "bytes": frame(10, struct.pack("<IH", 1, 0) + 257 * b"x"), "error": "FRAME", "why": "257 of text"},
]

preface = MAGIC + b"\x01\x00\x00"
exchanges = [
    {
        "name": "one request, one answer, nothing compressed",
        "client": [("preface", preface), ("SETTINGS in a stored block", stored(settings((1, 0)))),
                   ("REQUEST", stored(message(1, request_head, flags=END)))],
        "server_answers": [("RESPONSE", message(2, response_head, b"GET /x", END))],
    },
    {
        "name": "a request in pieces and its echo, under credit",
        "client": [("preface", preface), ("SETTINGS", stored(settings((1, 0)))),
                   ("REQUEST: POST /echo without END",
                    stored(message(1, b"\x03\x00" + b"\x05/echo" + b"\x01a" + b"\x00"))),
                   ("DATA", stored(frame(3, b"one ", 0, 1))), ("DATA with END", stored(frame(3, b"two", END, 1)))],
        "server_answers": [("RESPONSE without END", message(2, response_head)), ("DATA, in any pieces", b"one two")],
    },
]


def plain(value):
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, tuple):
        return {"what": value[0], "bytes": plain(value[1])}
    if isinstance(value, list):
        return [plain(v) for v in value]
    return value


with open("wire.json", "w") as out:
    json.dump(plain({"prefaces": prefaces, "block_headers": block_headers, "frames": frames, "exchanges": exchanges}),
              out, indent=1)
    out.write("\n")
