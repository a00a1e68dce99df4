public import NIOCore
internal import Synchronization
public import TeleportRPC
public import TeleportTransport
public import TeleportWire

/// Who answers requests: an ``AsyncHandler``, or a type of your own that needs no task a request.
public protocol RequestHandler<Request, Response>: Sendable {
    associatedtype Request: Sendable
    associatedtype Response: Sendable

    /// Called on the loop of the connection, in the order requests came. Must not block. The answer may be given in
    /// here or any time later, from any thread.
    func handle(_ request: consuming Request, _ responder: consuming Responder<Response>)

    /// The handler for the connections of one loop; asked for once for each loop, before the first request. By default the
    /// same for all.
    func placed(on executor: EventLoopExecutor) -> Self
}

extension RequestHandler {
    @inlinable
    public func placed(on executor: EventLoopExecutor) -> Self { self }
}

/// The right to answer one request, once. Answering twice, or after the connection ended, does nothing.
///
/// A one-way request has a responder too: what it is given goes nowhere, but giving it says that the work is done. So it
/// has to be given for a request that was cancelled: the client's place is free only then.
public struct Responder<Response: Sendable>: Sendable {
    /// The connection, and what the request is called there.
    @usableFromInline
    enum Origin: Sendable {
        case v0(ServerConnection<Response>, RequestToken)
        case framed(FramedAnswers<Response>, StreamRequest)
    }

    @usableFromInline let origin: Origin

    @inlinable
    init(connection: ServerConnection<Response>, token: RequestToken) {
        self.origin = .v0(connection, token)
    }

    @inlinable
    init(_ answers: consuming FramedAnswers<Response>, _ request: StreamRequest) {
        self.origin = .framed(answers, request)
    }

    /// Runs tasks on the loop of the connection.
    @inlinable public var executor: EventLoopExecutor {
        switch self.origin {
        case .v0(let connection, _): connection.executor
        case .framed(let answers, _): answers.connection.executor
        }
    }
    /// The loop of the connection.
    @inlinable public var eventLoop: any EventLoop { self.executor.eventLoop }
    /// Where the client connects from; `nil` if the operating system does not say.
    public var remoteAddress: SocketAddress? {
        switch self.origin {
        case .v0(let connection, _): connection.remoteAddress.withLock { $0 }
        case .framed(let answers, _): answers.connection.remoteAddress.withLock { $0 }
        }
    }
    /// Whether nobody waits for an answer.
    @inlinable public var isOneWay: Bool {
        switch self.origin {
        case .v0(_, let token): token.id == .oneWay
        case .framed(_, let request): request.isOneWay
        }
    }
    /// Which version of the protocol the client speaks: only v1 carries bodies as they come, and informational answers.
    public var wire: WireVersion {
        switch self.origin {
        case .v0: .v0
        case .framed: .v1
        }
    }

    /// Until when the client waits for the head of the answer; `nil` if it did not say. Then the request is cancelled.
    public var deadline: NIODeadline? {
        guard case .framed(_, let request) = self.origin, request.deadline != .never else { return nil }
        return .uptimeNanoseconds(request.deadline)
    }

    /// Answers.
    @inlinable
    public consuming func respond(_ response: consuming Response) {
        switch (consume self).origin {
        case .v0(let connection, let token): connection.answer(token, with: response)
        case .framed(let answers, let request): answers.answer(request.token, with: response)
        }
    }

    /// Sends an informational answer before the final one; any number of times, but clients accept eight. Does nothing on
    /// v0, which cannot carry any.
    public func inform(_ response: Response) {
        guard case .framed(let answers, let request) = self.origin else { return }
        answers.connection.inform(request.token, with: response, answers.encoding)
    }

    /// Has `task` cancelled if the client gives the request up, its deadline passes, or the connection ends, before the
    /// answer was given.
    @inlinable
    public func cancelOnDisconnect(_ task: Task<Void, Never>) { self.stop(with: .task(task)) }

    /// Has `stop` called in the same cases, once, from any thread. The request is to be answered all the same.
    public func onCancel(_ stop: @escaping @Sendable () -> Void) { self.stop(with: .call(stop)) }

    @inlinable
    func stop(with cancellation: Cancellation) {
        switch self.origin {
        case .v0(let connection, let token): connection.handlerStarted(token, cancellation)
        case .framed(let answers, let request): answers.connection.handlerStarted(request.token, cancellation)
        }
    }
}
