public import NIOCore
public import TeleportEndpoint
public import TeleportHTTP
public import TeleportRPC

/// HTTP requests and responses as the messages of an RPC: on protocol v0 here, on v1 in the face of ``FramedCodec``.
///
/// Everything that makes v0 safe is in ``TeleportHTTP``: what is sent is what both ends delimit alike, and what is
/// received is read strictly.
public struct HTTPCodec: SelfDelimitingCodec {
    public typealias Request = TeleportHTTP.Request
    public typealias Response = TeleportHTTP.Response

    /// What is accepted from the peer.
    public let limits: HTTPLimits
    /// The largest body that is accepted on v1, where it may come in pieces: whoever passes it on need not hold it.
    @usableFromInline let streamLimit: Int
    /// What the peer is assumed to accept: a larger head would cost it the connection, so it is refused to its caller.
    @usableFromInline let sentLimits: HTTPLimits
    /// Fields whose values touch no compression history. On v1 only.
    @usableFromInline let secrets: SecretFields
    /// What an intermediary adds to requests about itself.
    @usableFromInline let via: Via?
    /// Whether requests that ask for a tunnel are taken (V1-70).
    @usableFromInline let allowsTunnels: Bool
    /// What a caller is told instead of a response that cannot be sent.
    let statusOfUnsendable: Status
    /// Gives responses that have none a `Date`; `nil` passes them on as they are.
    @usableFromInline let dateClock: DateClock?

    /// - Parameters:
    ///   - limits: what is accepted from the peer.
    ///   - sentLimits: what the peer is assumed to accept, heads that is: size and number of fields; `nil` is `limits`.
    ///   - via: what is added to requests, by an intermediary.
    ///   - statusOfUnsendable: what a caller is told instead of a response that breaks a rule or a limit: 500 by an origin,
    ///     502 by an intermediary.
    ///   - addsDate: whether responses that have no `Date` are given one (RFC 9110 §6.6.1 wants an origin to). An
    ///     intermediary passes responses on as they are.
    ///   - secrets: fields whose values are kept out of compression histories on v1: default, those of authentication and
    ///     cookies.
    ///   - streamLimit: the largest body that is accepted on v1, where it comes in pieces; `nil` is that of `limits`.
    ///   - allowsTunnels: whether requests that ask for a tunnel (V1-70) are taken on v1; else they are answered 501.
    public init(
        limits: HTTPLimits = .default, sentLimits: HTTPLimits? = nil, via: Via? = nil,
        statusOfUnsendable: Status = .internalServerError, addsDate: Bool = true, secrets: SecretFields = .default,
        streamLimit: Int? = nil, allowsTunnels: Bool = false
    ) {
        self.limits = limits
        self.streamLimit = streamLimit ?? limits.maxBodySize
        self.sentLimits = sentLimits ?? limits
        self.via = via
        self.allowsTunnels = allowsTunnels
        self.secrets = secrets
        self.statusOfUnsendable = statusOfUnsendable
        self.dateClock = addsDate ? DateClock() : nil
    }

    public func response(to refusal: Refusal) -> Response {
        switch refusal {
        case .tooManyConcurrent(let limit):
            .text(
                "Too many requests: the limit is \(limit) at the same time. Try again later.\n",
                status: .tooManyRequests)
        case .unsendable where self.statusOfUnsendable == .badGateway:
            .text("The server behind gave an answer that cannot be passed on.\n", status: .badGateway)
        case .handlerFailed, .unsendable:
            .text(
                "The request could not be answered because of an error in the server.\n", status: .internalServerError)
        }
    }

    public func makeRequestDecoder() -> RequestDecoder { RequestDecoder(limits: self.limits) }
    public func makeResponseDecoder() -> ResponseDecoder { ResponseDecoder(limits: self.limits) }

    /// What is remembered of a request: whether it was a `HEAD`, which travels as `GET`.
    public struct CallContext: Sendable {
        @usableFromInline let dropsBody: Bool

        @inlinable
        init(dropsBody: Bool) { self.dropsBody = dropsBody }
    }

    @inlinable
    public func encode(_ request: Request, into buffer: inout ByteBuffer) throws(RPCError) -> CallContext {
        guard !request.isSensitive else { throw Self.sensitiveOnV0 }
        guard !request.opensTunnel else { throw Self.tunnelOnV0 }
        do throws(HTTPError) {
            try TeleportEncoder.encode(request, via: self.via, limits: self.sentLimits, into: &buffer)
            return CallContext(dropsBody: TeleportEncoder.mapsToGET(request.head.method))
        } catch {
            throw RPCError(.unsendable, error.message, cause: error)
        }
    }

    @inlinable
    public func encode(_ response: Response, into buffer: inout ByteBuffer) throws(RPCError) {
        do throws(HTTPError) {
            try TeleportEncoder.encode(response, date: self.dateClock?.now(), limits: self.sentLimits, into: &buffer)
        } catch {
            throw RPCError(.unsendable, error.message, cause: error)
        }
    }

    @usableFromInline
    static var sensitiveOnV0: RPCError {
        RPCError(
            .unsendable, "The request is sensitive, and protocol v0 cannot keep it out of its compression history.")
    }

    @inlinable
    public func complete(_ response: consuming Response, context: CallContext) -> Response {
        guard context.dropsBody else { return response }
        return Response(head: response.head)
    }

    @usableFromInline
    static var tunnelOnV0: RPCError {
        let error = HTTPError(
            .connectNotSupported, message: "The way to the server behind is of an old kind that carries no tunnels.")
        return RPCError(.unsendable, error.message, cause: error)
    }

    /// Reads requests from a v0 stream.
    public struct RequestDecoder: SelfDelimitingDecoder {
        @usableFromInline var decoder: TeleportHTTP.RequestDecoder

        init(limits: HTTPLimits) {
            self.decoder = TeleportHTTP.RequestDecoder(profile: .teleport, limits: limits)
        }

        @inlinable
        public mutating func decode(
            from buffer: inout ByteBuffer
        ) throws(RPCError) -> ReceivedRequest<Request, Response>? {
            do throws(HTTPError) {
                switch try self.decoder.nextMessage(from: &buffer) {
                case nil: return nil
                case .request(let request): return .request(request)
                case .refused(let error): return .refused(.refusal(error))
                }
            } catch {
                return .unreadable(.refusal(error), RPCError(.protocolViolation, error.message, cause: error))
            }
        }
    }

    /// Reads responses from a v0 stream.
    public struct ResponseDecoder: SelfDelimitingDecoder {
        @usableFromInline var decoder: TeleportHTTP.ResponseDecoder

        init(limits: HTTPLimits) {
            self.decoder = TeleportHTTP.ResponseDecoder(profile: .teleport, limits: limits)
        }

        @inlinable
        public mutating func decode(from buffer: inout ByteBuffer) throws(RPCError) -> ReceivedResponse<Response>? {
            do throws(HTTPError) {
                switch try self.decoder.nextOutcome(from: &buffer) {
                case nil: return nil
                case .response(let response): return .response(response)
                case .refused(let error):
                    return .refused(
                        RPCError(.unacceptableAnswer, error.message, possiblyExecuted: true, cause: error))
                }
            } catch {
                throw RPCError(.protocolViolation, error.message, cause: error)
            }
        }
    }
}

extension Response {
    /// The answer to a request that broke a rule of HTTP: its status, and a sentence that names no address.
    public static func refusal(_ error: HTTPError) -> Response {
        .text(error.message + "\n", status: error.status)
    }
}
