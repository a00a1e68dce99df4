internal import NIOCore

/// Tells a ``SocketMeter`` what passes between a socket and TLS: the first handler of the channel. Without TLS the driver
/// does, without a handler that all events would have to pass.
final class TrafficMeter: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let meter: SocketMeter
    private var context: ChannelHandlerContext?

    init(_ meter: SocketMeter) { self.meter = meter }

    /// Passes on bytes that were counted when they came, before there was a handler for them.
    func passOn(_ bytes: ByteBuffer) {
        self.context?.fireChannelRead(self.wrapInboundOut(bytes))
        self.context?.fireChannelReadComplete()
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { self.meter.opened() }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.meter.closed()
        self.context = nil
    }

    func channelActive(context: ChannelHandlerContext) {
        self.meter.opened()
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.meter.ended()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.meter.read(self.unwrapInboundIn(data).readableBytes)
        context.fireChannelRead(data)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // Whatever comes from below this handler is the socket's.
        self.meter.failed(error)
        context.fireErrorCaught(error)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        self.meter.write(self.unwrapOutboundIn(data).readableBytes)
        context.write(data, promise: promise)
    }

    func flush(context: ChannelHandlerContext) {
        self.meter.flush(context) { context.flush() }
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        self.meter.close(mode, context)
        context.close(mode: mode, promise: promise)
    }
}

/// Counts connections that a listening socket failed to accept.
final class AcceptMeter: ChannelInboundHandler {
    typealias InboundIn = Never

    private let shard: TrafficCounters.Shard

    init(_ shard: TrafficCounters.Shard) { self.shard = shard }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if error is IOError { self.shard.connectionFailed() }
        context.fireErrorCaught(error)
    }
}
