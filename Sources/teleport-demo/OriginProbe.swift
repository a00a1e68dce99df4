import NIOCore
import Synchronization
import TeleportHTTP
import TeleportTransport

/// Asks an origin directly, so that one that is down is told from a fault on the way, and to know the right answer.
final class OriginProbe: Sendable {
    private let outcome = Mutex<Result<Response, any Error>?>(nil)

    /// The answer to a GET, sent on a connection of its own.
    static func get(_ url: OriginURL) async throws -> Response {
        let probe = OriginProbe()
        let request = try Traffic.get(url, connection: .close)
        Connector(to: url.address).connect(on: EventLoops.shared.next()) { ProbeConnection(probe, request) }
            .whenFailure { probe.ended(.failure($0)) }
        while true {
            if let outcome = probe.outcome.withLock({ $0 }) {
                do {
                    return try outcome.get()
                } catch let error as TransportError where error.code == .connectFailed {
                    throw DemoError("The origin cannot be reached. \(error.message) Does it run there?")
                } catch {
                    throw DemoError("The origin at \(url.address) gave no answer that can be used. \(error)")
                }
            }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    /// The first outcome counts.
    fileprivate func ended(_ outcome: Result<Response, any Error>) {
        self.outcome.withLock { $0 = $0 ?? outcome }
    }
}

private final class ProbeConnection: ByteStream {
    private let probe: OriginProbe
    private var decoder = ResponseDecoder(profile: .http1)
    private var outbound: ByteBuffer?
    private var driver: ConnectionDriver?

    init(_ probe: OriginProbe, _ request: ByteBuffer) {
        self.probe = probe
        self.outbound = request
    }

    func connectionOpened(_ driver: ConnectionDriver) {
        self.driver = driver
        self.decoder.expect(.get)
        driver.setDeadline(.now() + .seconds(5))
        driver.scheduleFlush()
    }

    func bytesToSend() -> ByteBuffer? { self.outbound.take() }

    func bytesReceived(_ bytes: inout ByteBuffer) {
        do throws(HTTPError) {
            if let response = try self.decoder.nextMessage(from: &bytes) { self.end(.success(response.detached())) }
        } catch {
            self.end(.failure(error))
        }
    }

    func inputClosed() {
        do throws(HTTPError) {
            if let response = try self.decoder.lastMessage() { self.end(.success(response.detached())) }
        } catch {
            self.end(.failure(error))
        }
        self.driver?.closeGracefully()
    }

    func deadlineReached(now: NIODeadline) {
        self.end(.failure(TransportError(.timedOut, "It did not answer within 5 s.")))
    }

    private func end(_ outcome: Result<Response, any Error>) {
        self.probe.ended(outcome)
        self.driver?.closeGracefully()
    }

    func connectionClosed(_ cause: TransportError) {
        self.probe.ended(.failure(cause))
        self.driver = nil
    }
}
