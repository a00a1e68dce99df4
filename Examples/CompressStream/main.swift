// Compresses lines from standard input with each codec, one stream a codec, and prints what is left of them.
//
//     swift run CompressStream < some.log
//     BATCH=1 swift run CompressStream < some.log     # flush after each line instead of every ten
//
// It shows the whole of TeleportCompress: a compressor and a decompressor for each direction, a flush a batch, a limit
// on what a batch may expand to.

import class Foundation.ProcessInfo
import struct NIOCore.ByteBuffer
import TeleportCompress

/// One codec's two ends and what went through them.
struct Link {
    let codec: CompressionCodec
    var compressor: Compressor
    var decompressor: Decompressor
    var plainBytes = 0
    var wireBytes = 0
    // Reused, so that memory is allocated for the largest batch and never again.
    var wire = ByteBuffer()
    var received = ByteBuffer()

    init(_ codec: CompressionCodec) {
        self.codec = codec
        self.compressor = Compressor(codec)
        self.decompressor = Decompressor(codec.kind)
    }

    mutating func send(_ batch: ByteBuffer) throws {
        self.wire.clear()
        try self.compressor.compress(batch, into: &self.wire)
        self.plainBytes += batch.readableBytes
        self.wireBytes += self.wire.readableBytes

        self.received.clear()
        try self.decompressor.decompressAll(&self.wire, into: &self.received, limit: batch.readableBytes)
        precondition(self.received == batch, "The other end got something else.")
    }
}

var links = [Link(.none), Link(.snappy), Link(.lz4), Link(try .flate(level: 1)), Link(.flate)]
let linesPerBatch = ProcessInfo.processInfo.environment["BATCH"].flatMap(Int.init) ?? 10
var batch = ByteBuffer()
var lines = 0
var isAtEnd = false
while !isAtEnd {
    if let line = readLine(strippingNewline: false) {
        batch.writeString(line)
        lines += 1
    } else {
        isAtEnd = true
    }
    if isAtEnd || lines % max(linesPerBatch, 1) == 0 {
        for index in links.indices {
            try links[index].send(batch)
        }
        batch.clear()
    }
}

print("\(lines) lines, \(linesPerBatch) a batch")
for link in links where link.wireBytes > 0 {
    let tenths = (10 * link.plainBytes + link.wireBytes / 2) / link.wireBytes
    print("\(link.codec): \(link.wireBytes) of \(link.plainBytes) bytes, \(tenths / 10).\(tenths % 10) to 1")
}
