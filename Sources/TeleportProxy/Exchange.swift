internal import NIOCore
internal import Synchronization
internal import Teleport
internal import TeleportEndpoint

/// One request on its way through the proxy: what is asked, who waits for the answer, and how far it got.
///
/// The only object that a request costs. Any loop may hold it; a second attempt is a second exchange, which is known to
/// the first as its successor.
///
/// The server's side reports exactly one end: ``succeeded(_:)``, ``failed(_:)``, or ``began(_:_:)`` and then
/// ``ended(_:bytes:)`` or ``brokeOff(_:bytes:after:)``. The client's side may give it up at any time:
///
/// ```
/// waiting ──begin()──▶ starting ──started(work)──▶ working ──▶ over      each of them ends, or is superseded
///    └── giveUp(): failed, here and now   └──────── giveUp(): the work is stopped, and then reports that it failed
/// ```
final class Exchange: Sendable {
    /// What came, as one value that was moved here.
    private let inbound: InboundRequest
    /// The request; its body is empty while ``upload`` has it.
    var request: Request { _read { yield self.inbound.request } }
    /// The body, if it is still coming.
    var upload: BodyPipe? { self.inbound.upload }
    var replyTo: ReplyTarget { _read { yield self.inbound.replyTo } }
    var note: RequestNote? { self.inbound.note }
    /// When the client is told 504, attempts and waiting included. While a body is still coming it does not count.
    let deadline: NIODeadline
    /// The server it was given to, and when.
    let upstream: Upstream
    let givenAt: NIODeadline
    /// When the first server was given it.
    let startedAt: NIODeadline
    let forwarder: Forwarder
    let attempts: Attempts
    /// It counts among those that hold a connection while their bodies are still coming.
    let holdsPlace: Bool
    private let state = Mutex(State())

    /// Which servers were asked.
    struct Attempts: Sendable {
        /// Servers by their place, one bit each.
        var tried: UInt64 = 0
        var count = 0
        /// Sent again although the server may have seen it, or refused it: allowed once.
        var isRetry = false
    }

    /// What has to be stopped if nobody waits any more.
    enum Work: Sendable {
        case call(ConnectionPool<HTTPCodec, ExchangeCompletion>.Ticket)
        case connection(HTTPUpstreamConnection.Handle)
        case gathering(BodyGatherer)
    }

    private enum Phase: Sendable {
        /// Nobody works on it: whoever gives it up ends it.
        case waiting
        /// It is being handed to somebody.
        case starting
        case working(Work)
        /// It ended, or went on as another.
        case over(Exchange?)
    }

    private struct State: Sendable {
        var phase = Phase.waiting
        /// Why it was given up.
        var reason: ForwardingFailure?
        /// Informational answers that were passed on.
        var interims = 0
        /// The answer's body, while it comes.
        var download: BodyPipe?
        var watch: StreamWatch?
    }

    /// The most informational answers that v1 clients take (V1-32).
    private static let maxInterims = 8

    init(
        _ inbound: consuming InboundRequest, deadline: NIODeadline, upstream: Upstream, forwarder: Forwarder,
        attempts: Attempts, holdsPlace: Bool, now: NIODeadline, startedAt: NIODeadline? = nil
    ) {
        self.inbound = inbound
        self.deadline = deadline
        self.upstream = upstream
        self.givenAt = now
        self.startedAt = startedAt ?? self.givenAt
        self.forwarder = forwarder
        self.attempts = attempts
        self.holdsPlace = holdsPlace
    }

    /// Whether the answer has to be whole before it is told: a v0 Teleport client cannot take it in pieces.
    var wantsWholeAnswer: Bool { self.replyTo.wantsWholeAnswers }

    /// Whether it can be sent from its beginning.
    var isReplayable: Bool { self.upload?.isUntouched ?? true }

    /// Until when a call for it may take: for ever while its body is still coming, unless the client said more.
    var callDeadline: NIODeadline {
        let deadline = self.upload == nil || self.request.opensTunnel ? self.deadline : self.replyTo.deadline
        return deadline ?? .distantFuture
    }

    // MARK: Giving up

    /// Somebody takes it in hand. False: it was given up.
    func begin() -> Bool {
        self.state.withLock { state in
            guard case .waiting = state.phase else { return false }
            state.phase = .starting
            return true
        }
    }

    /// What would have to be stopped is known now. It may have ended meanwhile.
    func started(_ work: Work) {
        let isGivenUp = self.state.withLock { state in
            guard case .starting = state.phase else { return false }
            state.phase = .working(work)
            return state.reason != nil
        }
        if isGivenUp { self.stop(work) }
    }

    /// Nobody waits for the answer any more, or not for so long. The client is answered all the same, as the place of its
    /// request is free only then.
    func giveUp(_ reason: ForwardingFailure) {
        enum Next {
            case nothing
            case fail
            case stop(Work)
            case passOn(Exchange)
        }
        let next = self.state.withLock { state -> Next in
            if case .over(let successor) = state.phase { return successor.map { .passOn($0) } ?? .nothing }
            guard state.reason == nil else { return .nothing }
            state.reason = reason
            switch state.phase {
            case .waiting:
                state.phase = .starting
                return .fail
            case .working(let work):
                return .stop(work)
            case .starting, .over:
                return .nothing
            }
        }
        switch next {
        case .nothing: break
        case .fail: self.failed(reason)
        case .stop(let work): self.stop(work)
        case .passOn(let successor): successor.giveUp(reason)
        }
    }

    private func stop(_ work: Work) {
        switch work {
        case .call(let ticket): ticket.cancel()
        case .connection(let connection): connection.stop(self)
        case .gathering(let gatherer): gatherer.cancel()
        }
    }

    /// Why it was given up, if it was.
    var reason: ForwardingFailure? { self.state.withLock { $0.reason } }

    var isOver: Bool { self.state.withLock { if case .over = $0.phase { true } else { false } } }

    /// It goes on as another; which ends at once if this one was given up.
    func isSuperseded(by successor: Exchange) {
        let reason = self.state.withLock { state in
            state.phase = .over(successor)
            return state.reason
        }
        if let reason { successor.giveUp(reason) }
    }

    /// It was handed to somebody in vain, and is to be handed to another. False: it was given up meanwhile, or is over.
    func beginAgain() -> Bool {
        self.state.withLock { state in
            if case .over = state.phase { return false }
            state.phase = .starting
            return state.reason == nil
        }
    }

    private func end() {
        self.state.withLock { state in
            state.phase = .over(nil)
            state.download = nil
            state.watch = nil
        }
    }

    // MARK: Bodies that stand still

    /// From now on, a body has to move.
    func watch(download: BodyPipe? = nil) {
        let limits = self.forwarder.watchLimits(server: self.upstream, client: self.replyTo)
        guard let limits else { return }
        let isFirst = self.state.withLock { state in
            if let download { state.download = download }
            defer { state.watch = state.watch ?? StreamWatch(limits) }
            return state.watch == nil
        }
        if isFirst { self.lookAgain() }
    }

    private func lookAgain() {
        // Not kept alive by it.
        self.replyTo.eventLoop.scheduleTask(in: self.forwarder.watchInterval) { [weak self] in self?.look() }
    }

    private func look() {
        let verdict = self.state.withLock { state -> StreamWatch.Verdict? in
            state.watch?.judge(upload: self.upload?.flow, download: state.download?.flow, now: .now())
        }
        switch verdict {
        case .patient: self.lookAgain()
        case .serverStalled: self.giveUp(.timedOut)
        case .clientStalled: self.giveUp(.clientStalled)
        case nil: break
        }
    }

    // MARK: What the server's side reports

    /// An informational answer came; the final one follows.
    func informed(_ head: ResponseHead) {
        // 100 was given by this proxy itself, where it was asked for.
        guard head.status != .continue, head.status.code != 101 else { return }
        let isWithinLimit = self.state.withLock { state in
            state.interims += 1
            return state.interims <= Self.maxInterims
        }
        if isWithinLimit { self.replyTo.inform(head) }
    }

    /// The server answered.
    func succeeded(_ response: consuming Response) {
        guard !response.status.isInformational else {
            // 101: the server switched to a protocol that nobody asked for.
            return self.failed(.switchedProtocols)
        }
        let now = NIODeadline.now()
        self.end()
        self.upstream.answered(self, now: now)
        self.forwarder.succeeded(self, response.status, bytes: response.body.count ?? 0, now: now)
        self.replyTo.respond(.whole(consume response))
    }

    /// The server began to answer; the body comes through the pipe.
    func began(_ head: ResponseHead, _ body: BodyPipe) {
        self.upstream.beganToAnswer(self, now: .now())
        self.watch(download: body)
        self.replyTo.respond(.stream(head, body))
    }

    /// Whether the head of an answer grants the tunnel that is asked for (P-53); an upgrade only to what was offered.
    func isGranted(by head: ResponseHead) -> Bool {
        guard self.request.opensTunnel else { return false }
        guard self.request.method != .connect else { return head.status.isSuccessful }
        return head.status == .switchingProtocols && UpgradeOffer(self.request.fields).covers(head.fields)
    }

    /// The server granted the tunnel; what it sends comes through the pipe.
    func opened(_ head: ResponseHead, _ download: BodyPipe) {
        guard let upload = self.upload else { return self.failed(.switchedProtocols) }
        self.upstream.beganToAnswer(self, now: .now())
        self.forwarder.tunnelOpened(self, head.status, upload: upload, download: download)
        self.replyTo.respond(.tunnel(head, download))
    }

    /// The tunnel is over, in whatever way: the answer that granted it was a good one.
    func tunnelEnded(_ status: Status, bytes: Int, because failure: String?) {
        self.end()
        self.upstream.endedWell()
        self.forwarder.tunnelEnded(self, status, bytes: bytes, because: failure)
    }

    /// The answer that began is complete.
    func ended(_ status: Status, bytes: Int) {
        self.end()
        self.upstream.endedWell()
        self.forwarder.succeeded(self, status, bytes: bytes, now: .now())
    }

    /// The answer that began will not be completed.
    func brokeOff(_ status: Status, bytes: Int, after failure: ForwardingFailure) {
        let failure = self.reason ?? failure
        self.end()
        self.upload?.cancel()
        self.upstream.failed(self, failure)
        self.forwarder.failed(self, status, bytes: bytes, failure)
    }

    /// The server did not answer: it is asked again, or another is, or the client is told.
    func failed(_ failure: ForwardingFailure) {
        let reason = self.reason
        let failure = reason ?? failure
        self.upstream.failed(self, failure)
        if reason == nil, self.forwarder.tryAgain(self, after: failure) { return }
        self.end()
        self.upload?.cancel()
        let response = failure.response
        self.forwarder.failed(self, response.status, bytes: response.body.count ?? 0, failure)
        self.replyTo.respond(.whole(response))
    }
}
