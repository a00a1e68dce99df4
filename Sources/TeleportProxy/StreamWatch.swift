internal import NIOCore
internal import Teleport

/// Whether the bodies of an exchange move, as far as it depends on sides that speak Teleport: connections to HTTP peers
/// watch theirs themselves.
///
/// What is behind a Teleport link is seen through credit, in steps of many kilobytes: so a client's slowness is its own
/// proxy's to judge (rule P-20), and only standing still is judged here. Pure: time is an argument.
struct StreamWatch {
    /// How long each side may keep the other waiting; `nil` is not watched.
    struct Limits {
        /// The server, for taking more of the request, giving the head or more of the answer.
        var server: TimeAmount?
        /// The client, for giving more of the request.
        var clientGives: TimeAmount?
        /// The client, for taking more of the answer.
        var clientTakes: TimeAmount?
    }

    enum Verdict: Equatable {
        case patient
        case serverStalled
        case clientStalled
    }

    private let limits: Limits
    private var upload: FlowClock?
    private var download: FlowClock?
    /// Since when there was nothing to wait for but the head of the answer.
    private var sentSince: NIODeadline?

    init(_ limits: Limits) { self.limits = limits }

    /// - Parameters:
    ///   - upload: how far the request's body has got, if it came in pieces.
    ///   - download: the same of the answer's; `nil` before its head came.
    mutating func judge(upload: BodyPipe.Flow?, download: BodyPipe.Flow?, now: NIODeadline) -> Verdict {
        var server = TimeAmount.zero
        var (clientGives, clientTakes) = (TimeAmount.zero, TimeAmount.zero)
        if let upload {
            let (giver, taker) = Self.look(&self.upload, upload, now)
            (clientGives, server) = (giver, taker)
        }
        if let download {
            let (giver, taker) = Self.look(&self.download, download, now)
            (server, clientTakes) = (Swift.max(server, giver), taker)
        } else if upload.map({ $0.isEnded && $0.held == 0 }) ?? false {
            let since = self.sentSince ?? now
            self.sentSince = since
            server = Swift.max(server, now - since)
        }
        if let limit = self.limits.server, server >= limit { return .serverStalled }
        if let limit = self.limits.clientGives, clientGives >= limit { return .clientStalled }
        if let limit = self.limits.clientTakes, clientTakes >= limit { return .clientStalled }
        return .patient
    }

    private static func look(
        _ clock: inout FlowClock?, _ flow: BodyPipe.Flow, _ now: NIODeadline
    ) -> (giver: TimeAmount, taker: TimeAmount) {
        var seen = clock ?? FlowClock(flow, now: now)
        seen.look(flow, now: now)
        clock = seen
        return (now - seen.giverSince, now - seen.takerSince)
    }
}

/// Since when each side of a pipe has kept the other waiting.
private struct FlowClock {
    private var last: BodyPipe.Flow
    private(set) var giverSince: NIODeadline
    private(set) var takerSince: NIODeadline

    init(_ flow: BodyPipe.Flow, now: NIODeadline) {
        self.last = flow
        self.giverSince = now
        self.takerSince = now
    }

    mutating func look(_ flow: BodyPipe.Flow, now: NIODeadline) {
        if flow.isFull || flow.isEnded || flow.given != self.last.given { self.giverSince = now }
        if flow.held == 0 || flow.given - flow.held != self.last.given - self.last.held { self.takerSince = now }
        self.last = flow
    }
}
