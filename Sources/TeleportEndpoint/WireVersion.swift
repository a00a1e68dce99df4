internal import NIOCore
internal import Synchronization
internal import TeleportTransport
internal import TeleportWire

/// Which version of the protocol is spoken.
public enum WireVersion: String, Sendable, Hashable, CaseIterable {
    /// A server: whatever a client begins with. A client: v1, and v0 with servers that end the connection when they see it
    /// (V1-5); with TLS only if it was asked for by ``v0``. Protocols of one's own, which have another magic than HTTP's,
    /// speak v0.
    case automatic = "auto"
    /// Only v1.
    case v1
    /// Only v0, which existing peers speak.
    case v0

    /// What v1 is called in TLS (V1-4).
    public static let applicationProtocol = "teleport/1"

    /// Whether v1 may be spoken.
    func permitsV1(_ identity: ProtocolIdentity) -> Bool {
        switch self {
        case .automatic: identity == .http
        case .v1: true
        case .v0: false
        }
    }

    /// Whether v0 may be.
    var permitsV0: Bool { self != .v1 }

    /// What v1 begins with: HTTP's own, or what the user gave.
    func framedIdentity(_ identity: ProtocolIdentity) -> ProtocolIdentity {
        identity == .http ? .httpV1 : identity
    }
}

/// What servers spoke in this process, by address (rule V1-5).
package final class WireMemory: Sendable {
    /// What is known of a server.
    enum Knowledge: Sendable, Equatable {
        case unknown
        case v1
        case v0
    }

    private struct State: Sendable {
        var v1: Set<TransportAddress> = []
        /// Until when each is taken for a v0 server.
        var v0: [TransportAddress: NIODeadline] = [:]
    }

    /// How long an address is taken for one that speaks v0.
    static let lifetime = TimeAmount.minutes(10)
    /// Addresses remembered of each kind; more are forgotten, which only costs a connection.
    private static let capacity = 4096

    package static let shared = WireMemory()

    private let state = Mutex(State())

    package init() {}

    func knowledge(of address: TransportAddress, now: NIODeadline) -> Knowledge {
        self.state.withLock { state in
            if state.v1.contains(address) { return .v1 }
            return state.v0[address].map { $0 > now } ?? false ? .v0 : .unknown
        }
    }

    /// A server answered with v1: it is never taken for an old one again.
    func spokeV1(_ address: TransportAddress) {
        self.state.withLock { state in
            if state.v1.count >= Self.capacity { state.v1.removeAll() }
            state.v1.insert(address)
            state.v0[address] = nil
        }
    }

    /// A server that turned v1 away completed v0's handshake.
    func spokeV0(_ address: TransportAddress, now: NIODeadline) {
        self.state.withLock { state in
            if state.v0.count >= Self.capacity { state.v0.removeAll() }
            state.v0[address] = now + Self.lifetime
        }
    }
}
