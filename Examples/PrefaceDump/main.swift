// TeleportWire alone: writes the opening bytes of a connection of one's own protocol, and reads them as the peer would.
//
//     swift run PrefaceDump

import NIOCore
import TeleportWire

let identity = try ProtocolIdentity(magic: "adder", version: 1)

var bytes = ByteBuffer()
PrefaceV0(compression: .snappy, tls: false).encode(identity: identity, into: &bytes)
CallID.first.encode(into: &bytes)
print("sent:", bytes.hexDump(format: .plain))

// Bytes come in pieces: `nil` means that more are needed, and nothing was consumed.
var received = ByteBuffer()
while let byte = bytes.readSlice(length: 1) {
    received.writeImmutableBuffer(byte)
    if let preface = try PrefaceV0.decode(identity: identity, from: &received) {
        print("the peer compresses with \(preface.compression), TLS: \(preface.tls)")
        break
    }
}
received.writeBuffer(&bytes)
if let id = CallID.decode(from: &received) { print("first call: \(id), the next would be \(id.next)") }

// What does not speak this protocol is told by its first wrong byte.
var stranger = ByteBuffer(string: "GET / HTTP/1.1\r\n")
do {
    _ = try PrefaceV0.decode(identity: identity, from: &stranger)
} catch {
    print("a stranger: \(error)")
}
