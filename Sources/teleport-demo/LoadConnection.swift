import NIOCore
import TeleportHTTP
import TeleportTransport

/// One keep-alive connection of a ``Load``, one request at a time. Confined to its loop.
final class LoadConnection: ByteStream {
    private let load: Load
    private var index: Int
    private var decoder = ResponseDecoder(profile: .http1)
    private var outbound: ByteBuffer?
    private var driver: ConnectionDriver?
    private var sentAt = NIODeadline.distantPast
    /// Bytes of the answer that are read already.
    private var received = 0
    private var isOver = false

    /// How long an answer may take. The proxies give up earlier, and say so.
    private static let patience = TimeAmount.seconds(10)

    init(_ load: Load, first: Int) {
        self.load = load
        self.index = first
    }

    private var exchange: Traffic.Exchange { self.load.traffic.exchanges[self.index] }

    func connectionOpened(_ driver: ConnectionDriver) {
        self.driver = driver
        self.send()
    }

    private func send() {
        let exchange = self.exchange
        self.outbound = exchange.request
        self.decoder.expect(exchange.method)
        self.received = 0
        self.sentAt = .now()
        self.driver?.setDeadline(self.sentAt + Self.patience)
        self.driver?.scheduleFlush()
    }

    func bytesToSend() -> ByteBuffer? { self.outbound.take() }

    func bytesReceived(_ bytes: inout ByteBuffer) {
        guard !self.isOver else { return bytes.clear() }
        let before = bytes.readableBytes
        do throws(HTTPError) {
            let response = try self.decoder.nextMessage(from: &bytes)
            self.received += before - bytes.readableBytes
            if let response { self.answered(response, rest: bytes.readableBytes) }
        } catch {
            self.fail("The answer to \(self.load.traffic.name) is not HTTP. \(error)")
        }
    }

    private func answered(_ response: Response, rest: Int) {
        if let complaint = self.exchange.complaint(about: response) {
            return self.fail("\(self.load.traffic.name) \(complaint).")
        }
        guard rest == 0, response.head.keepsAlive else {
            return self.fail("The near httptp did not keep the connection alive after \(self.load.traffic.name).")
        }
        let sent = self.exchange.request.readableBytes
        guard self.load.answered(sentAt: self.sentAt, sent: sent, received: self.received) else { return self.end() }
        self.index = (self.index + 1) % self.load.traffic.exchanges.count
        self.send()
    }

    func deadlineReached(now: NIODeadline) {
        self.fail("\(self.load.traffic.name) was not answered within 10 s.")
    }

    func inputClosed() {
        guard !self.isOver else { return }
        self.fail("The near httptp closed a connection before \(self.load.traffic.name) was answered.")
    }

    func connectionClosed(_ cause: TransportError) {
        self.driver = nil
        guard !self.isOver else { return }
        self.fail("A connection to the near httptp broke. \(cause)")
    }

    private func fail(_ message: String) {
        guard !self.isOver else { return }
        self.load.failed(DemoError(message))
        self.end()
    }

    private func end() {
        self.isOver = true
        self.driver?.setDeadline(nil)
        self.driver?.closeGracefully()
    }
}
