internal import Dispatch
package import NIOCore
internal import NIOPosix
internal import Synchronization

/// Finds the addresses of a name, each time anew, and has each connection begin with another one of them.
///
/// Made once for an address, and shared by all who connect to it: so their connections spread over the name's addresses,
/// and an address that a name has no more is not used any more. An address that does not answer is passed over: the
/// others are tried, as RFC 8305 ("happy eyeballs") says, IPv6 and IPv4 in turn.
package final class NameResolution: Sendable {
    /// Which addresses of a name are asked for.
    package enum Family: Sendable, Hashable {
        case v4
        case v6
    }

    /// Finds the addresses of one family that `host` has, with `port`. May block; is not called on a loop.
    package typealias Lookup = @Sendable (_ host: String, _ port: Int, Family) throws -> [SocketAddress]

    private let turn: Atomic<Int>
    private let v4: FamilyLookups
    private let v6: FamilyLookups

    /// - Parameters:
    ///   - first: which address of a family's list the first connection begins with. Default: any, so that a thousand
    ///     processes do not all begin with the same.
    ///   - lookup: asks the system unless a test says otherwise.
    package init(first: Int = .random(in: 0..<(1 << 16)), lookup: @escaping Lookup = systemLookup) {
        self.turn = Atomic(first)
        self.v4 = FamilyLookups(.v4, lookup)
        self.v6 = FamilyLookups(.v6, lookup)
    }

    /// The resolver of one connection.
    func resolver(on eventLoop: any EventLoop) -> some Resolver & Sendable {
        ConnectionResolver(
            eventLoop: eventLoop, turn: self.turn.wrappingAdd(1, ordering: .relaxed).oldValue, v4: self.v4, v6: self.v6)
    }
}

/// Resolves the name of one connection.
private struct ConnectionResolver: Resolver {
    let eventLoop: any EventLoop
    let turn: Int
    let v4: FamilyLookups
    let v6: FamilyLookups

    func initiateAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> {
        self.rotated(self.v4.addresses(of: host, port, on: self.eventLoop))
    }

    func initiateAAAAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> {
        self.rotated(self.v6.addresses(of: host, port, on: self.eventLoop))
    }

    /// A lookup under way may be others' too, and cannot be stopped anyway.
    func cancelQueries() {}

    private func rotated(_ addresses: EventLoopFuture<[SocketAddress]>) -> EventLoopFuture<[SocketAddress]> {
        addresses.map { [turn] addresses in
            guard addresses.count > 1 else { return addresses }
            let first = Int(UInt(bitPattern: turn) % UInt(addresses.count))
            return Array(addresses[first...] + addresses[..<first])
        }
    }
}

/// The lookups of one family, one after the other.
///
/// Whoever asks while one is under way is told the result of the next: never one that began before. So a name server that
/// does not answer costs a thread, and not one for each attempt to connect.
private final class FamilyLookups: Sendable {
    private struct Question: Hashable {
        let host: String
        let port: Int
    }

    private struct State {
        var isRunning = false
        var waiting: [Question: [EventLoopPromise<[SocketAddress]>]] = [:]
    }

    private let family: NameResolution.Family
    private let lookup: NameResolution.Lookup
    private let state = Mutex(State())
    private let queue = DispatchQueue(label: "teleport.name-lookup")

    init(_ family: NameResolution.Family, _ lookup: @escaping NameResolution.Lookup) {
        self.family = family
        self.lookup = lookup
    }

    func addresses(of host: String, _ port: Int, on eventLoop: any EventLoop) -> EventLoopFuture<[SocketAddress]> {
        let promise = eventLoop.makePromise(of: [SocketAddress].self)
        let mustStart = self.state.withLock { state in
            state.waiting[Question(host: host, port: port), default: []].append(promise)
            defer { state.isRunning = true }
            return !state.isRunning
        }
        if mustStart { self.queue.async { self.run() } }
        return promise.futureResult
    }

    private func run() {
        while let (question, promises) = self.next() {
            let result = Result { try self.lookup(question.host, question.port, self.family) }
            for promise in promises { promise.completeWith(result) }
        }
    }

    private func next() -> (Question, [EventLoopPromise<[SocketAddress]>])? {
        self.state.withLock { state in
            guard let next = state.waiting.popFirst() else {
                state.isRunning = false
                return nil
            }
            return (next.key, next.value)
        }
    }
}
