import Foundation
import Logging
import NIOCore
import NetworkTestSupport
import Synchronization
import Teleport
import TeleportProxy
import Testing

/// A Teleport client (protocol v0) that writes what a test says, byte for byte, and reads answers strictly.
struct LinkClient {
    static let preface = Array("httpteleport".utf8) + [0]

    let peer: RawPeer
    private let compressor: Compressor
    private var decoder = ResponseDecoder(profile: .teleport, limits: HTTPLimits(maxBodySize: 1 << 30))
    private var received = ByteBuffer()
    private var isGreeted = false

    /// The other end's own writes have to be uncompressed.
    init(to address: TransportAddress, codec: CompressionCodec = .none) async throws {
        self.peer = try await RawPeer.connect(to: address)
        self.compressor = Compressor(codec)
        self.peer.write(Self.preface + [CompressionTag(codec).rawValue, 0])
    }

    /// Bytes of the stream behind the preface, before compression.
    func send(_ bytes: ByteBuffer) throws {
        var (compressor, output) = (self.compressor, ByteBuffer())
        try compressor.compress(bytes, into: &output)
        self.peer.write(output)
    }

    func send(_ id: UInt32, _ message: String) throws {
        try self.send(LinkClient.framed(id, ByteBuffer(string: message)))
    }

    static func framed(_ id: UInt32, _ message: ByteBuffer) -> ByteBuffer {
        var bytes = ByteBuffer()
        bytes.writeInteger(id, endianness: .little)
        bytes.writeImmutableBuffer(message)
        return bytes
    }

    /// The next answer, whosever it is; `nil` if the connection ends before.
    mutating func answer() async throws -> (id: UInt32, response: Response)? {
        if !self.isGreeted {
            guard await self.peer.read(15) == ByteBuffer(bytes: Self.preface + [1, 0]) else { return nil }
            self.isGreeted = true
        }
        while true {
            var rest = self.received
            if let id = rest.readInteger(endianness: .little, as: UInt32.self) {
                // From the beginning each time: the decoder is not to remember what was read of a message.
                var decoder = self.decoder
                if let response = try decoder.nextMessage(from: &rest) {
                    self.received = rest
                    return (id, response)
                }
            }
            guard let bytes = await self.peer.readSome() else { return nil }
            self.received.writeImmutableBuffer(bytes)
        }
    }

    /// The next `count` answers by id.
    mutating func answers(_ count: Int) async throws -> [UInt32: Response] {
        var all: [UInt32: Response] = [:]
        for _ in 0..<count {
            guard let (id, response) = try await self.answer() else { break }
            all[id] = response
        }
        return all
    }
}

extension CompressionTag {
    init(_ codec: CompressionCodec) {
        switch codec.kind {
        case .none: self = .none
        case .flate: self = .flate
        case .snappy: self = .snappy
        case .lz4: self = .lz4
        // v0 has no zstd: flate is sent in its place.
        case .zstd: self = .flate
        }
    }
}

/// A Teleport server (protocol v0) played by hand behind a proxy: `answer` gets each request with its id and writes.
final class LinkServer: Sendable {
    let server: RawServer
    var address: TransportAddress { self.server.address }

    /// - Parameter codec: how it compresses what it sends: what `answer` writes, with ``Reply``.
    init(
        codec: CompressionCodec = .none, answer: @escaping @Sendable (UInt32, Request, Reply) async throws -> Void
    ) async throws {
        self.server = try await RawServer { peer in
            // What an old server does with whoever speaks another version.
            guard let preface = await peer.read(15), preface.readableBytesView.starts(with: LinkClient.preface) else {
                return await peer.close()
            }
            peer.write(LinkClient.preface + [CompressionTag(codec).rawValue, 0])
            let reply = Reply(peer, codec)
            var decoder = RequestDecoder(profile: .teleport, limits: HTTPLimits(maxBodySize: 1 << 30))
            var received = ByteBuffer()
            var id: UInt32?
            while let bytes = await peer.readSome() {
                received.writeImmutableBuffer(bytes)
                while true {
                    if id == nil { id = received.readInteger(endianness: .little) }
                    guard let current = id, case .request(let request)? = try decoder.nextMessage(from: &received)
                    else { break }
                    id = nil
                    try await answer(current, request, reply)
                }
            }
            await peer.close()
        }
    }

    /// The writing half of one of its connections.
    final class Reply: Sendable {
        let peer: RawPeer
        private let compressor: Mutex<NotSent>

        private struct NotSent: @unchecked Sendable { var compressor: Compressor }

        init(_ peer: RawPeer, _ codec: CompressionCodec) {
            self.peer = peer
            self.compressor = Mutex(NotSent(compressor: Compressor(codec)))
        }

        func send(_ bytes: ByteBuffer) throws {
            try self.compressor.withLock {
                var output = ByteBuffer()
                try $0.compressor.compress(bytes, into: &output)
                self.peer.write(output)
            }
        }

        func send(_ id: UInt32, _ message: String) throws {
            try self.send(LinkClient.framed(id, ByteBuffer(string: message)))
        }

        func send(_ id: UInt32, _ body: ByteBuffer) throws {
            var message = ByteBuffer(string: "HTTP/1.1 200 OK\r\nContent-Length: \(body.readableBytes)\r\n\r\n")
            message.writeImmutableBuffer(body)
            try self.send(LinkClient.framed(id, message))
        }
    }
}

/// An HTTP server that answers with what it was asked and remembers it.
final class RecordingOrigin: Sendable {
    private let seen = Mutex<[String]>([])
    private let origin: Mutex<Origin?> = Mutex(nil)
    var address: TransportAddress { self.origin.withLock { $0?.address } ?? .unix(path: "") }

    /// - Parameter gate: what answers wait for.
    init(behind gate: Gate? = nil) async throws {
        let origin = try await Origin { [weak self] request in
            self?.seen.withLock { $0.append(Self.line(request)) }
            await gate?.wait()
            return try await mirror(request)
        }
        self.origin.withLock { $0 = origin }
    }

    static func line(_ request: Request) -> String {
        let body = String(buffer: request.body.buffer ?? ByteBuffer())
        return "\(request.method) \(request.target) \(request.fields.first(.host) ?? "-") \(body.debugDescription)"
    }

    /// Each request, in the order of their ends.
    var requests: [String] { self.seen.withLock { $0 } }
    var connectionCount: Int { self.origin.withLock { $0?.server.connectionCount } ?? 0 }
    func kill() async { await self.origin.withLock { $0 }?.server.kill() }
}

extension RawPeer {
    /// Writes all at once, or each byte by itself.
    func write(_ bytes: [UInt8], byteByByte: Bool) {
        guard byteByByte else { return self.write(bytes) }
        for byte in bytes { self.write([byte]) }
    }
}

/// The front of one or two proxies under test.
enum Front: CaseIterable, CustomTestStringConvertible {
    /// HTTP → HTTP
    case http
    /// HTTP → Teleport → HTTP
    case chain
    /// HTTP → Teleport v0 → HTTP
    case chainV0
    /// Teleport → HTTP
    case teleport

    var speaksHTTP: Bool { self != .teleport }
    var isChain: Bool { self == .chain || self == .chainV0 }
    /// Whether bodies go on as they come.
    var streams: Bool { self == .http || self == .chain }
    var testDescription: String {
        switch self {
        case .http: "HTTP → HTTP"
        case .chain: "HTTP → Teleport → HTTP"
        case .chainV0: "HTTP → Teleport v0 → HTTP"
        case .teleport: "Teleport → HTTP"
        }
    }

    /// Runs `body` with the address that clients connect to; `configure` is for the proxies that face them or servers.
    func run<Value>(
        to origins: [TransportAddress], _ configure: (inout ProxyConfiguration) -> Void = { _ in },
        _ body: (TransportAddress) async throws -> Value
    ) async throws -> Value {
        func patient(_ configuration: inout ProxyConfiguration) {
            // Tests run beside each other: what is slow here is the machine.
            configuration.outTimeout = .seconds(60)
            if self == .teleport { configuration.front.kind = .teleport }
            if self == .chainV0 { configuration.speakV0() }
            configure(&configuration)
        }
        return switch self {
        case .http, .teleport: try await withProxy(to: origins, patient) { front, _ in try await body(front) }
        case .chain, .chainV0: try await withChain(to: origins, near: patient, far: patient, body)
        }
    }
}

extension ProxyConfiguration {
    /// For what is tested of protocol v0.
    mutating func speakV0() {
        self.front.wire = .v0
        self.outWire = .v0
    }
}

/// Recordings of `Specs/Vectors/v0`.
enum Recording {
    private static let folder = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Specs/Vectors/v0")

    /// The stream of a raw recording, behind the preface.
    static func stream(_ name: String) throws -> [UInt8] {
        let file = try FileHandle(forReadingFrom: Self.folder.appendingPathComponent("raw_smuggle_\(name).client.bin"))
        defer { try? file.close() }
        return Array(try file.readToEnd() ?? Data()).dropFirst(15) + []
    }
}

/// What was logged.
final class LogRecorder: Sendable {
    private let lines = Mutex<[(message: String, metadata: [String: String])]>([])

    /// The metadata of lines with that message.
    func metadata(of message: String) -> [[String: String]] {
        self.lines.withLock { $0.filter { $0.message == message }.map(\.metadata) }
    }

    var logger: Logger { Logger(label: "test") { _ in Handler(recorder: self) } }

    private struct Handler: LogHandler {
        let recorder: LogRecorder
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.info

        init(recorder: LogRecorder) { self.recorder = recorder }

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { self.metadata[key] }
            set { self.metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let metadata = (event.metadata ?? [:]).mapValues(\.description)
            self.recorder.lines.withLock { $0.append((event.message.description, metadata)) }
        }
    }
}

extension Response {
    var text: String { String(buffer: self.body.buffer ?? ByteBuffer()) }
}
