import NIOCore
import Teleport

extension Workload {
    /// What a site serves: of ten calls six POST a line of the corpus and are answered with one, two get what looks like
    /// a JPEG of 8 to 40 KB, one what looks like a PNG of 4 to 16 KB, and one sends and gets 2 KB of random bytes, as
    /// something encrypted would be. By bytes about a fifth of it is JSON, and it is the same every time.
    static func mix(directory: String) throws -> Workload {
        let files = try CorpusFiles(directory: directory)
        var noise = Noise()
        var requests: [Request] = []
        var answers: [Response] = []
        for number in 0..<1000 {
            let target = "/\(number)"
            switch number * 7 % 10 {
            case 0..<6:
                let line = number % files.requests.count
                requests.append(
                    Request(
                        method: .post, target: target,
                        fields: ["Host": "site.example", "Content-Type": "application/json"],
                        body: Body(files.requests[line])))
                answers.append(
                    Response(fields: ["Content-Type": "application/json"], body: Body(files.responses[line])))
            case 6, 7:
                requests.append(Request(.get, target, host: "site.example"))
                answers.append(
                    Response(fields: ["Content-Type": "image/jpeg"], body: Body(noise.jpeg(8192 + noise.below(32768)))))
            case 8:
                requests.append(Request(.get, target, host: "site.example"))
                answers.append(
                    Response(fields: ["Content-Type": "image/png"], body: Body(noise.png(4096 + noise.below(12288)))))
            default:
                let fields: Fields = ["Host": "site.example", "Content-Type": "application/octet-stream"]
                requests.append(
                    Request(method: .post, target: target, fields: fields, body: Body(noise.bytes(2048))))
                answers.append(
                    Response(fields: ["Content-Type": "application/octet-stream"], body: Body(noise.bytes(2048))))
            }
        }
        return Workload("mix", requests, answers)
    }
}

/// Bytes that cannot be compressed, the same in each run.
private struct Noise {
    private var state: UInt64 = 0x9e37_79b9_7f4a_7c15

    private mutating func next() -> UInt64 {
        self.state ^= self.state << 13
        self.state ^= self.state >> 7
        self.state ^= self.state << 17
        return self.state
    }

    mutating func below(_ limit: Int) -> Int { Int(self.next() % UInt64(limit)) }

    mutating func bytes(_ count: Int) -> ByteBuffer {
        var buffer = ByteBuffer()
        while buffer.readableBytes < count { buffer.writeInteger(self.next()) }
        return buffer.getSlice(at: 0, length: count) ?? ByteBuffer()
    }

    /// Markers and tables that are alike in every picture, then a scan, in which no FF stands alone.
    mutating func jpeg(_ count: Int) -> ByteBuffer {
        var buffer = ByteBuffer(bytes: [0xFF, 0xD8, 0xFF, 0xE0, 0, 16])
        buffer.writeString("JFIF\0")
        buffer.writeBytes([1, 1, 0, 0, 1, 0, 1, 0, 0, 0xFF, 0xDB, 0, 67, 0])
        buffer.writeBytes((1...64).map { UInt8($0) })
        while buffer.readableBytes < count - 2 {
            let byte = UInt8(truncatingIfNeeded: self.next() >> 32)
            buffer.writeInteger(byte)
            if byte == 0xFF { buffer.writeInteger(UInt8(0)) }
        }
        buffer.writeBytes([0xFF, 0xD9])
        return buffer
    }

    /// A signature and chunks of at most 8 KiB, whose content is compressed already.
    mutating func png(_ count: Int) -> ByteBuffer {
        var buffer = ByteBuffer(bytes: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A])
        while buffer.readableBytes < count {
            let length = Swift.min(8192, count - buffer.readableBytes)
            buffer.writeInteger(UInt32(length))
            buffer.writeString("IDAT")
            buffer.writeImmutableBuffer(self.bytes(length + 4))
        }
        buffer.writeInteger(UInt32(0))
        buffer.writeString("IEND")
        buffer.writeInteger(UInt32(0xAE42_6082))
        return buffer
    }
}
