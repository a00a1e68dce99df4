internal import NIOCore
internal import Synchronization
internal import Teleport
internal import TeleportEndpoint
internal import TeleportRPC

/// One server behind the proxy.
final class Upstream: Sendable {
    enum Transport: Sendable {
        case teleport(ConnectionPool<HTTPCodec, ExchangeCompletion>)
        case http(HTTPUpstream)
    }

    let address: TransportAddress
    private let transport: Transport
    private let pending = Atomic<Int>(0)

    init(address: TransportAddress, transport: Transport) {
        self.address = address
        self.transport = transport
    }

    /// Requests given to it that have no answer yet.
    var pendingCount: Int { self.pending.load(ordering: .relaxed) }

    /// Forwards. The exchange is told how it ended, maybe before this returns.
    func forward(_ exchange: Exchange) {
        self.pending.wrappingAdd(1, ordering: .relaxed)
        switch self.transport {
        case .http(let upstream):
            upstream.forward(exchange)
        case .teleport(let pool):
            do throws(RPCError) {
                try pool.call(
                    exchange.request, timeout: exchange.deadline - .now(),
                    completion: ExchangeCompletion(exchange: exchange))
            } catch {
                exchange.failed(ForwardingFailure(error))
            }
        }
    }

    /// Forwards a request that nobody waits for.
    func forwardOneWay(_ request: Request) -> Bool {
        guard case .teleport(let pool) = self.transport else { return false }
        try? pool.sendOneWay(request)
        return true
    }

    func finished() {
        self.pending.wrappingSubtract(1, ordering: .relaxed)
    }

    func shutDown(limit: TimeAmount) async {
        switch self.transport {
        case .teleport(let pool): await pool.shutDown(limit: limit)
        case .http(let upstream): await upstream.shutDown()
        }
    }
}

/// Completes a Teleport call by telling its exchange.
struct ExchangeCompletion: CallCompletion {
    let exchange: Exchange

    func succeed(_ response: Response) { self.exchange.succeeded(response) }
    func fail(_ error: RPCError) { self.exchange.failed(ForwardingFailure(error)) }
}
