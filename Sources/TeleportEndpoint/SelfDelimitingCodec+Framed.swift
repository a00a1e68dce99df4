public import struct NIOCore.ByteBuffer
public import struct TeleportRPC.RPCError

/// The v1 face of a codec that has none of its own: the v0 message is the head, and there is no body.
extension SelfDelimitingCodec where FramedContext == CallContext {
    @inlinable
    public func outboundRequest(_ request: Request) -> OutboundMessage { OutboundMessage(.none) }

    @inlinable
    public func outboundResponse(_ response: Response) -> OutboundMessage { OutboundMessage(.none) }

    @inlinable
    public func encodeHead(
        request: Request, into buffer: inout ByteBuffer, secrets: inout ByteBuffer
    ) throws(RPCError) -> CallContext {
        try self.encode(request, into: &buffer)
    }

    @inlinable
    public func encodeHead(
        response: Response, into buffer: inout ByteBuffer, secrets: inout ByteBuffer
    ) throws(RPCError) {
        try self.encode(response, into: &buffer)
    }

    public func encodeTrailers(_ trailers: any Sendable, into buffer: inout ByteBuffer) throws(RPCError) {
        throw RPCError(.unsendable, "These messages have no trailers.")
    }

    public func decodeTrailers(_ bytes: ByteBuffer) throws(RPCError) -> any Sendable {
        throw RPCError(.unacceptableAnswer, "These messages have no trailers.")
    }

    @inlinable
    public func decodeRequest(_ message: consuming InboundMessage) -> ReceivedRequest<Request, Response> {
        let hasNoBody = message.hasNoBody
        var bytes = message.split().head
        var decoder = self.makeRequestDecoder()
        do throws(RPCError) {
            if hasNoBody, let received = try decoder.decode(from: &bytes), bytes.readableBytes == 0 {
                return received
            }
            throw RPCError(.protocolViolation, "The head is not one message.")
        } catch {
            return .refused(self.response(to: .handlerFailed(error)))
        }
    }

    @inlinable
    public func decodeResponse(
        _ message: consuming InboundMessage, context: CallContext
    ) -> ReceivedResponse<Response> {
        let hasNoBody = message.hasNoBody
        var bytes = message.split().head
        var decoder = self.makeResponseDecoder()
        do throws(RPCError) {
            guard hasNoBody, let received = try decoder.decode(from: &bytes), bytes.readableBytes == 0 else {
                throw RPCError(.unacceptableAnswer, "The head is not one message.")
            }
            guard case .response(let response) = received else { return received }
            return .response(self.complete(response, context: context))
        } catch {
            return .refused(error)
        }
    }
}
