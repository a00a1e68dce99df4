import NIOCore
import Teleport

/// What a codec costs alone: batches compressed and expanded again, in the form the wire has them in.
struct CodecFloor {
    private let codec: CompressionCodec
    private let wire: Wire

    init(_ codec: CompressionCodec, _ wire: Wire) {
        self.codec = codec
        self.wire = wire
    }

    /// Of both directions together.
    struct Cost: Sendable {
        /// Microseconds a message: compressing and expanding, requests and responses.
        var cpu: Double
        var requests: Direction
        var responses: Direction
    }

    struct Direction: Sendable {
        /// Microseconds a message.
        var compress: Double
        var expand: Double
        /// Plain bytes over compressed ones.
        var ratio: Double

        var cpu: Double { self.compress + self.expand }
    }

    func cost(of traffic: PlainTraffic, seconds: Double) throws -> Cost {
        let requests = try self.cost(of: traffic.requests, seconds: seconds / 2)
        let responses = try self.cost(of: traffic.responses, seconds: seconds / 2)
        return Cost(cpu: requests.cpu + responses.cpu, requests: requests, responses: responses)
    }

    private func cost(of direction: PlainTraffic.Direction, seconds: Double) throws -> Direction {
        let batches = Self.cut(direction.bytes, every: direction.batchBytes)
        guard !batches.isEmpty else { throw BenchError("Nothing was recorded for the codec: try more --seconds.") }
        return self.wire == .v0
            ? try self.streamed(batches, direction, seconds) : try self.inBlocks(batches, direction, seconds)
    }

    private static func cut(_ bytes: ByteBuffer, every length: Int) -> [ByteBuffer] {
        var bytes = bytes
        var batches: [ByteBuffer] = []
        while let batch = bytes.readSlice(length: length) { batches.append(batch) }
        if batches.isEmpty, bytes.readableBytes > 0 { batches.append(bytes) }
        return batches
    }

    /// v1: blocks of one history a direction.
    private func inBlocks(
        _ batches: [ByteBuffer], _ direction: PlainTraffic.Direction, _ seconds: Double
    ) throws -> Direction {
        var compressor = BlockCompressor(self.codec)
        var decompressor = BlockDecompressor()
        var total = Total()
        var compressed = ByteBuffer()
        var plain = ByteBuffer()
        try total.spend(seconds, on: batches) { batch, total in
            compressed.clear()
            plain.clear()
            let start = Resources.threadCPU()
            let outcome = try compressor.compress(batch, into: &compressed)
            let middle = Resources.threadCPU()
            total.compress += middle - start
            guard case .encoded(let resets) = outcome else { return total.compressed += batch.readableBytes }
            try decompressor.decompress(
                self.codec.kind, resets: resets, compressed, decodedLength: batch.readableBytes, into: &plain)
            total.expand += Resources.threadCPU() - middle
            total.compressed += compressed.readableBytes
        }
        return total.cost(of: direction)
    }

    /// v0: one stream a direction.
    private func streamed(
        _ batches: [ByteBuffer], _ direction: PlainTraffic.Direction, _ seconds: Double
    ) throws -> Direction {
        var compressor = Compressor(self.codec)
        var decompressor = Decompressor(self.codec.kind)
        var total = Total()
        var compressed = ByteBuffer()
        var plain = ByteBuffer()
        try total.spend(seconds, on: batches) { batch, total in
            compressed.clear()
            plain.clear()
            let start = Resources.threadCPU()
            try compressor.compress(batch, into: &compressed)
            let middle = Resources.threadCPU()
            total.compress += middle - start
            total.compressed += compressed.readableBytes
            try decompressor.decompressAll(&compressed, into: &plain, limit: 1 << 20)
            total.expand += Resources.threadCPU() - middle
        }
        return total.cost(of: direction)
    }

    private struct Total {
        /// Microseconds.
        var compress = 0.0
        var expand = 0.0
        var plain = 0
        var compressed = 0

        mutating func spend(
            _ seconds: Double, on batches: [ByteBuffer], _ work: (ByteBuffer, inout Total) throws -> Void
        ) throws {
            // Histories, tables and memory first.
            for batch in batches.prefix(Swift.max(1, batches.count / 4)) { try work(batch, &self) }
            self = Total()
            let deadline = Resources.monotonicNanoseconds() + UInt64(seconds * 1e9)
            repeat {
                for batch in batches {
                    try work(batch, &self)
                    self.plain += batch.readableBytes
                    if Resources.monotonicNanoseconds() >= deadline { return }
                }
            } while true
        }

        func cost(of direction: PlainTraffic.Direction) -> Direction {
            let messages = Double(Swift.max(1, self.plain)) / Swift.max(1, direction.bytesPerMessage)
            return Direction(
                compress: self.compress / messages, expand: self.expand / messages,
                ratio: Double(self.plain) / Double(Swift.max(1, self.compressed)))
        }
    }
}
