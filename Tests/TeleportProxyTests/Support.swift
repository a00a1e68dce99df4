import Foundation
import NIOCore
import NetworkTestSupport
import Teleport
import TeleportProxy
import Testing

/// An HTTP client that writes what a test says, byte for byte, and reads answers strictly.
struct RawClient {
    let peer: RawPeer
    private var decoder = ResponseDecoder(profile: .http1, limits: HTTPLimits(maxBodySize: 1 << 30))
    private var received = ByteBuffer()

    init(to address: TransportAddress) async throws {
        self.peer = try await RawPeer.connect(to: address)
    }

    func send(_ text: String) { self.peer.write(text) }

    /// The next answer, to a request of that method; `nil` if the connection ends before.
    mutating func answer(to method: HTTPMethod = .get) async throws -> Response? {
        self.decoder.expect(method)
        while true {
            if let response = try self.decoder.nextMessage(from: &self.received) { return response }
            guard let bytes = await self.peer.readSome() else { return try self.decoder.lastMessage() }
            self.received.writeImmutableBuffer(bytes)
        }
    }

    /// Whether the proxy closes the connection without another byte.
    func endsQuietly() async -> Bool { await self.peer.readToEnd().readableBytes == 0 }
}

/// An HTTP server that answers through a closure; records what it was sent.
final class Origin: Sendable {
    let server: RawServer
    var address: TransportAddress { self.server.address }

    init(port: Int = 0, answer: @escaping @Sendable (Request) async throws -> Response) async throws {
        self.server = try await RawServer(port: port) { peer in
            var decoder = RequestDecoder(profile: .http1, limits: HTTPLimits(maxBodySize: 1 << 30))
            var received = ByteBuffer()
            while let bytes = await peer.readSome() {
                received.writeImmutableBuffer(bytes)
                while case .request(let request)? = try decoder.nextMessage(from: &received) {
                    let response = try await answer(request)
                    var bytes = ByteBuffer()
                    let content = response.body.buffer ?? ByteBuffer()
                    try ResponseEncoder.encode(
                        response.head,
                        framing: response.status.forbidsBody
                            ? .none : request.method == .head ? .headOnly : .length(content.readableBytes),
                        filter: .none, into: &bytes)
                    if request.method != .head { bytes.writeImmutableBuffer(content) }
                    peer.write(bytes)
                }
            }
            await peer.close()
        }
    }
}

/// A pair of proxies, HTTP to Teleport to HTTP, in front of `origins`; gone when `body` returns.
func withChain<Value>(
    to origins: [TransportAddress], codec: CompressionCodec = .none,
    near configureNear: (inout ProxyConfiguration) -> Void = { _ in },
    far configureFar: (inout ProxyConfiguration) -> Void = { _ in },
    _ body: (TransportAddress) async throws -> Value
) async throws -> Value {
    let loopback = TransportAddress.tcp(host: "127.0.0.1", port: 0)
    var farConfiguration = ProxyConfiguration(in: .teleport, at: [loopback], out: .http, to: origins)
    farConfiguration.front.compression = codec
    farConfiguration.takeTime()
    configureFar(&farConfiguration)
    let far = Proxy(farConfiguration)
    let link = try await far.start()
    var nearConfiguration = ProxyConfiguration(in: .http, at: [loopback], out: .teleport, to: link)
    nearConfiguration.outCompression = codec
    nearConfiguration.takeTime()
    configureNear(&nearConfiguration)
    let near = Proxy(nearConfiguration)
    let front = try #require(try await near.start().first)
    do {
        let value = try await body(front)
        await near.shutDown(limit: .seconds(2))
        await far.shutDown(limit: .seconds(2))
        return value
    } catch {
        await near.shutDown(limit: .zero)
        await far.shutDown(limit: .zero)
        throw error
    }
}

/// One proxy, HTTP to HTTP unless changed, in front of `origins`; gone when `body` returns.
func withProxy<Value>(
    to origins: [TransportAddress], _ configure: (inout ProxyConfiguration) -> Void = { _ in },
    _ body: (TransportAddress, Proxy) async throws -> Value
) async throws -> Value {
    var configuration = ProxyConfiguration(
        in: .http, at: [.tcp(host: "127.0.0.1", port: 0)], out: .http, to: origins)
    configuration.takeTime()
    configure(&configuration)
    let proxy = Proxy(configuration)
    let front = try #require(try await proxy.start().first)
    do {
        let value = try await body(front, proxy)
        await proxy.shutDown(limit: .seconds(2))
        return value
    } catch {
        await proxy.shutDown(limit: .zero)
        throw error
    }
}

extension ProxyConfiguration {
    /// However busy the machine is, nothing runs into a timeout that is not about timeouts; nor does it matter what a server
    /// of another test spoke at the same port.
    mutating func takeTime() {
        self.wireMemory = WireMemory()
        self.outTimeout = .seconds(60)
        self.handshakeTimeout = .seconds(60)
        self.front.headTimeout = .seconds(60)
        self.front.rateGrace = .seconds(60)
    }
}

extension RawPeer {
    /// All up to the empty line that ends a head, or what came before the connection ended.
    func readHead() async -> String {
        var head = ""
        while !head.hasSuffix("\r\n\r\n"), let byte = await self.read(1) { head += String(buffer: byte) }
        return head
    }
}

/// Answers with what was asked.
@Sendable func mirror(_ request: Request) async throws -> Response {
    let body = request.body.buffer ?? ByteBuffer()
    return Response(
        fields: ["Content-Type": "text/x-mirror", "X-Target": "\(request.target)"],
        body: body.readableBytes > 0 ? Body(body) : Body("\(request.method) \(request.target)"))
}

extension TeleportClient {
    /// One whose connections may take as long as tests beside each other need.
    static func patient(
        to address: TransportAddress, _ configure: (inout ClientConfiguration) -> Void = { _ in }
    ) -> TeleportClient {
        var configuration = ClientConfiguration(address: address)
        // Servers of other tests may have had its port.
        configuration.memory = WireMemory()
        configuration.handshakeTimeout = .seconds(60)
        configuration.timeout = .seconds(60)
        configure(&configuration)
        return TeleportClient(configuration: configuration)
    }
}

extension String {
    /// An answer without what a client that has closed its half is sent to find out whether it is there (P-15).
    var withoutProbes: String { self.replacingOccurrences(of: "HTTP/1.1 100 Continue\r\n\r\n", with: "") }
}
