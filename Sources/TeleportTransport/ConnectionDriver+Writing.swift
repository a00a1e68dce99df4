public import NIOCore

extension ConnectionDriver {
    /// Whether the socket takes more bytes for now. If not, ``ByteStream/writabilityChanged(_:)`` will tell.
    public var isWritable: Bool { self.context?.channel.isWritable ?? false }

    /// Something waits to be sent: flush it as the policy says.
    public func scheduleFlush() {
        guard self.flushState == .idle, !self.isClosed, let context = self.context else { return }
        self.flushState = .scheduled
        if self.policy.delay > .zero {
            self.batchTimer = try? context.eventLoop.assumeIsolated().scheduleCallback(
                in: self.policy.delay, handler: BatchTimerHandler(driver: self))
        } else if !self.isInReadBatch {
            // Behind everything that is ready in this turn of the loop, so that it all goes together.
            guard let round = self.flushRound else {
                return context.eventLoop.assumeIsolated().execute { self.flushIfScheduled() }
            }
            round.add(self)
        }
    }

    /// Asks the stream for all it has to send and writes it, delay or not. Waits if the socket takes nothing.
    public func flush() {
        guard !self.isClosed, !self.isOutputClosed, let context = self.context else { return }
        self.batchTimer?.cancel()
        self.batchTimer = nil
        guard context.channel.isWritable else {
            self.flushState = .awaitingWritability
            return
        }
        self.flushState = .idle
        if let bytes = self.stream.bytesToSend(), bytes.readableBytes > 0 {
            self.write(bytes, context)
        }
        if self.closesAfterFlush || self.finishesOutput { self.closeOutput() }
    }

    private func write(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        guard let meter = self.meter else { return context.writeAndFlush(self.wrapOutboundOut(bytes), promise: nil) }
        meter.write(bytes.readableBytes)
        meter.flush(context) { context.writeAndFlush(self.wrapOutboundOut(bytes), promise: nil) }
    }

    /// The channel is closed, by this driver or by somebody else.
    public func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        self.meter?.close(mode, context)
        context.close(mode: mode, promise: promise)
    }

    func closeChannel() {
        guard let context = self.context else { return }
        self.close(context: context, mode: .all, promise: nil)
    }

    /// Flushes, tells the peer that nothing more comes, and closes when the peer has closed too, or after `linger`.
    ///
    /// What arrives meanwhile is discarded. Closing a socket at once, with bytes unread, could destroy what the peer
    /// has not read yet. A peer that reads slowly gets everything, however long it takes.
    ///
    /// - Parameters:
    ///   - linger: how long to wait for the peer's end once everything was sent.
    ///   - stall: a peer that takes no byte for this long is given up.
    public func closeGracefully(linger: TimeAmount = .seconds(1), stall: TimeAmount = .seconds(10)) {
        guard !self.isClosed, !self.closesAfterFlush else { return }
        self.closesAfterFlush = true
        self.lingerLimit = linger
        self.stallLimit = stall
        if self.isOutputClosed { self.endReading() } else { self.flush() }
        guard !self.isClosed else { return }
        if self.isOutputFlushed, self.isInputClosed { self.closeChannel() } else { self.armLingerTimer() }
    }

    /// Flushes, and tells the peer that nothing more comes. What it sends is read as before; when it has closed its half
    /// too, the connection is over.
    public func finishOutput() {
        guard !self.isClosed, !self.closesAfterFlush, !self.finishesOutput else { return }
        self.finishesOutput = true
        self.flush()
    }

    /// Closes without waiting for anything. The stream is told `cause`.
    public func closeNow(_ cause: TransportError) {
        guard !self.isClosed else { return }
        if self.closeCause == nil { self.closeCause = cause }
        guard let context = self.context else { return self.closed(cause) }
        self.close(context: context, mode: .all, promise: nil)
    }

    public func channelWritabilityChanged(context: ChannelHandlerContext) {
        guard !self.isClosed else { return }
        let isWritable = context.channel.isWritable
        if isWritable, self.flushState == .awaitingWritability { self.flush() }
        self.stream.writabilityChanged(isWritable)
    }

    func flushIfScheduled() {
        if self.flushState == .scheduled { self.flush() }
    }

    func flushAtEndOfReadBatch() {
        if self.policy.delay <= .zero { self.flushIfScheduled() }
    }

    private func closeOutput() {
        guard !self.isOutputClosed, let context = self.context else { return }
        self.isOutputClosed = true
        if self.closesAfterFlush { self.endReading() }
        let flushed = context.eventLoop.makePromise(of: Void.self)
        flushed.futureResult.assumeIsolated().whenComplete { _ in self.outputFlushed() }
        if self.isInputClosed {
            // With the input gone too, closing the output would close everything at once, and what the socket has not
            // taken yet would be lost: so wait for the last write.
            context.writeAndFlush(self.wrapOutboundOut(ByteBuffer()), promise: flushed)
        } else {
            self.close(context: context, mode: .output, promise: flushed)
        }
    }

    /// The connection closes: what the peer still sends is of no interest.
    private func endReading() {
        if self.closeCause == nil {
            self.closeCause = TransportError(.closedLocally, "This side closed the connection.")
        }
        self.startDiscarding()
    }

    private func outputFlushed() {
        self.isOutputFlushed = true
        guard !self.isClosed else { return }
        if self.isInputClosed {
            // A stream that pauses has not been told yet, and there may be bytes in front of it: then that closes.
            if self.isDiscarding || self.isInputCloseTold { self.closeChannel() }
        } else if self.closesAfterFlush {
            self.armLingerTimer()
        }
    }

    private func armLingerTimer() {
        guard let context = self.context else { return }
        self.lingeringBytes = self.unwrittenBytes
        self.lingerTimer?.cancel()
        self.lingerTimer = try? context.eventLoop.assumeIsolated().scheduleCallback(
            in: self.isOutputFlushed ? self.lingerLimit : self.stallLimit, handler: LingerTimerHandler(driver: self))
    }

    func lingerEnded() {
        if !self.isOutputFlushed, self.unwrittenBytes < self.lingeringBytes { return self.armLingerTimer() }
        self.closeChannel()
    }

    /// Bytes that were written and that the socket has not taken yet.
    public var unwrittenBytes: Int {
        (try? self.context?.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
    }
}

/// Ends a batching delay.
struct BatchTimerHandler: NIOScheduledCallbackHandler {
    let driver: ConnectionDriver

    func handleScheduledCallback(eventLoop: some EventLoop) {
        self.driver.flushIfScheduled()
    }
}

/// Ends the wait for the peer's end of an orderly close.
struct LingerTimerHandler: NIOScheduledCallbackHandler {
    let driver: ConnectionDriver

    func handleScheduledCallback(eventLoop: some EventLoop) {
        self.driver.lingerEnded()
    }
}
