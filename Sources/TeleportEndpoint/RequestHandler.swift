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
    func handle(_ request: Request, _ responder: Responder<Response>)
}

/// The right to answer one request, once. Answering twice, or after the connection ended, does nothing.
///
/// A one-way request has a responder too: what it is given goes nowhere, but giving it says that the work is done.
public struct Responder<Response: Sendable>: Sendable {
    @usableFromInline let connection: ServerConnection<Response>
    @usableFromInline let token: RequestToken

    @inlinable
    init(connection: ServerConnection<Response>, token: RequestToken) {
        self.connection = connection
        self.token = token
    }

    /// Runs tasks on the loop of the connection.
    @inlinable public var executor: EventLoopExecutor { self.connection.executor }
    /// The loop of the connection.
    @inlinable public var eventLoop: any EventLoop { self.connection.executor.eventLoop }
    /// Where the client connects from; `nil` if the operating system does not say.
    public var remoteAddress: SocketAddress? { self.connection.remoteAddress.withLock { $0 } }
    /// Whether nobody waits for an answer.
    @inlinable public var isOneWay: Bool { self.token.id == .oneWay }

    /// Answers.
    @inlinable
    public func respond(_ response: Response) {
        self.connection.answer(self.token, with: response)
    }

    /// Has `task` cancelled if the connection ends before the answer was given.
    @inlinable
    public func cancelOnDisconnect(_ task: Task<Void, Never>) {
        self.connection.handlerStarted(self.token, task: task)
    }
}
