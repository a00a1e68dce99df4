import Foundation
import NIOCore
import NIOEmbedded
import Synchronization
import TeleportTransport
import Testing

/// A stream that notes what it is told and sends what it is given.
final class RecordingStream: ByteStream {
    var events: [String] = []
    var outbound: [String] = []
    var driver: ConnectionDriver?
    var cause: TransportError?
    /// Consumes everything unless told otherwise.
    var consume: (inout ByteBuffer) -> Void = { $0.moveReaderIndex(to: $0.writerIndex) }
    var onEvent: (String) -> Void = { _ in }

    /// Something waits, as a protocol would say it.
    func send(_ text: String) {
        self.outbound.append(text)
        self.driver?.scheduleFlush()
    }

    private func note(_ event: String) {
        self.events.append(event)
        self.onEvent(event)
    }

    func connectionOpened(_ driver: ConnectionDriver) {
        self.driver = driver
        self.note("opened")
    }

    func bytesReceived(_ bytes: inout ByteBuffer) {
        self.note("bytes \(String(buffer: bytes))")
        self.consume(&bytes)
    }

    func readBatchEnded() { self.note("batch ended") }

    func bytesToSend() -> ByteBuffer? {
        guard !self.outbound.isEmpty else { return nil }
        defer { self.outbound = [] }
        return ByteBuffer(string: self.outbound.joined())
    }

    func tlsEstablished() { self.note("TLS") }
    func inputClosed() { self.note("input closed") }
    func deadlineReached(now: NIODeadline) { self.note("deadline \(now.uptimeNanoseconds / 1_000_000) ms") }
    func writabilityChanged(_ isWritable: Bool) { self.note("writable \(isWritable)") }

    func connectionClosed(_ cause: TransportError) {
        self.cause = cause
        self.note("closed")
        self.driver = nil
    }
}

/// Stands between a driver and an embedded channel, which knows no half-close, and notes what the socket is asked to do.
final class SocketProbe: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    var reads = 0
    var flushes = 0
    var outputCloses = 0
    /// Completes when the test says that everything was written.
    var outputClose: EventLoopPromise<Void>?
    /// What happens while something is written, as when a socket refuses it.
    var onFlush: (ChannelHandlerContext) -> Void = { _ in }

    func read(context: ChannelHandlerContext) {
        self.reads += 1
        context.read()
    }

    func flush(context: ChannelHandlerContext) {
        self.flushes += 1
        context.flush()
        self.onFlush(context)
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        guard mode == .output else { return context.close(mode: mode, promise: promise) }
        self.outputCloses += 1
        self.outputClose = promise
    }
}

/// A driver on an embedded channel with a clock that stands still.
struct DriverFixture {
    let loop = EmbeddedEventLoop()
    let channel: EmbeddedChannel
    let stream = RecordingStream()
    let probe = SocketProbe()
    let driver: ConnectionDriver

    init(policy: BatchingPolicy = .init()) throws {
        self.channel = EmbeddedChannel(loop: self.loop)
        self.driver = ConnectionDriver(stream: self.stream, policy: policy)
        try self.channel.pipeline.syncOperations.addHandlers([self.probe, self.driver])
        try self.channel.connect(to: .init(unixDomainSocketPath: "/nowhere")).wait()
    }

    var written: String? {
        (try? self.channel.readOutbound(as: ByteBuffer.self)).flatMap { $0.map { String(buffer: $0) } }
    }

    /// All that was written, in pieces as they were flushed.
    var allWritten: [String] {
        var all: [String] = []
        while let next = self.written { all.append(next) }
        return all
    }

    /// Delivers the pieces as one read batch.
    func receive(_ pieces: String...) {
        for piece in pieces { self.channel.pipeline.fireChannelRead(ByteBuffer(string: piece)) }
        self.channel.pipeline.fireChannelReadComplete()
    }

    func setWritable(_ isWritable: Bool) {
        self.channel.isWritable = isWritable
        self.channel.pipeline.fireChannelWritabilityChanged()
    }

    func closeInput() {
        self.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
    }
}

/// Certificates of a test's own, made by `openssl` in a folder of their own.
struct TestCertificates {
    let directory: String
    var certificateFile: String { self.directory + "/certificate.pem" }
    var keyFile: String { self.directory + "/key.pem" }

    /// A self-signed certificate, by default for `localhost` and 127.0.0.1.
    init(names: String = "DNS:localhost,IP:127.0.0.1") throws {
        self.directory = NSTemporaryDirectory() + "teleport-tls-\(UInt64.random(in: .min ... .max))"
        try FileManager.default.createDirectory(atPath: self.directory, withIntermediateDirectories: true)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-keyout", self.keyFile, "-out", self.certificateFile, "-days", "2", "-subj", "/CN=localhost",
            "-addext", "subjectAltName=" + names,
        ]
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "openssl could not make a certificate")
    }

    func remove() {
        try? FileManager.default.removeItem(atPath: self.directory)
    }
}

/// A value that a test waits for.
final class Signal<Value: Sendable>: Sendable {
    private let stream: AsyncStream<Value>
    private let continuation: AsyncStream<Value>.Continuation

    init() { (self.stream, self.continuation) = AsyncStream.makeStream(of: Value.self) }

    func send(_ value: Value) { self.continuation.yield(value) }

    /// The next value sent. For one waiter at a time.
    func next() async -> Value? {
        var iterator = self.stream.makeAsyncIterator()
        return await iterator.next()
    }
}
