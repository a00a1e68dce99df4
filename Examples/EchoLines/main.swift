// TeleportTransport alone: an echo server and a client of it over loopback, as byte streams.
//
//     swift run EchoLines

import NIOCore
import TeleportTransport

/// Sends back what it gets, one write a turn of the loop.
final class Echo: ByteStream {
    private var driver: ConnectionDriver?
    private var outbound = ByteBuffer()

    func connectionOpened(_ driver: ConnectionDriver) { self.driver = driver }

    func bytesReceived(_ bytes: inout ByteBuffer) {
        self.outbound.writeBuffer(&bytes)
        self.driver?.scheduleFlush()
    }

    func bytesToSend() -> ByteBuffer? {
        defer { self.outbound = ByteBuffer() }
        return self.outbound
    }

    func inputClosed() { self.driver?.closeGracefully() }
    func connectionClosed(_ cause: TransportError) { self.driver = nil }
}

/// Sends a text, and reports what comes back until the connection ends.
final class Asker: ByteStream {
    private var outbound: ByteBuffer
    private var answer = ByteBuffer()
    private var driver: ConnectionDriver?
    private let length: Int
    private let done: AsyncStream<String>.Continuation

    init(_ text: String, done: AsyncStream<String>.Continuation) {
        self.outbound = ByteBuffer(string: text)
        self.length = self.outbound.readableBytes
        self.done = done
    }

    func connectionOpened(_ driver: ConnectionDriver) {
        self.driver = driver
        driver.flush()
    }

    func bytesToSend() -> ByteBuffer? {
        defer { self.outbound = ByteBuffer() }
        return self.outbound
    }

    func bytesReceived(_ bytes: inout ByteBuffer) {
        self.answer.writeBuffer(&bytes)
        if self.answer.readableBytes == self.length { self.driver?.closeGracefully() }
    }

    func inputClosed() { self.driver?.closeGracefully() }

    func connectionClosed(_ cause: TransportError) {
        self.done.yield("\(String(buffer: self.answer)) (\(cause))")
        self.done.finish()
    }
}

let listener = try await Listener.bind(.tcp(host: "127.0.0.1", port: 0), group: EventLoops.shared) { _ in Echo() }
let (answers, done) = AsyncStream.makeStream(of: String.self)
try await Connector(to: listener.address).connect(on: EventLoops.shared.next()) { Asker("hello", done: done) }.get()
for await answer in answers { print(answer) }
await listener.close()
