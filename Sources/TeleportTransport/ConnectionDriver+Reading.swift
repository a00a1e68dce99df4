public import NIOCore
internal import NIOTLS

extension ConnectionDriver {
    /// Whether the socket is read. While paused, the kernel's buffers fill and the peer feels it.
    public var isPaused: Bool { self.isReadingPaused }

    /// Stops reading; what was received and not consumed waits.
    public func pauseReading() {
        self.isReadingPaused = true
    }

    /// Reads again. What waits is offered first, before this returns, unless a delivery is under way.
    public func resumeReading() {
        guard self.isReadingPaused else { return }
        self.isReadingPaused = false
        guard !self.isDelivering else { return }
        self.deliver()
        guard !self.isReadingPaused, !self.isClosed else { return }
        if self.isInputClosed {
            self.tellInputClosed()
        } else if self.isReadWithheld {
            self.isReadWithheld = false
            self.context?.read()
        }
    }

    public func read(context: ChannelHandlerContext) {
        guard !self.isReadingPaused || self.isDiscarding else {
            self.isReadWithheld = true
            return
        }
        context.read()
    }

    public func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = self.unwrapInboundIn(data)
        self.meter?.read(bytes.readableBytes)
        guard !self.isDiscarding else { return }
        if !self.isInReadBatch {
            self.isInReadBatch = true
            self.turn?.readingBegan()
        }
        self.keep(&bytes)
        self.deliver()
    }

    /// Appends to what the stream has not taken yet.
    private func keep(_ bytes: inout ByteBuffer) {
        if self.received.readableBytes == 0 {
            self.received = bytes
        } else if self.received.readerIndex == 0 {
            // Nothing was taken from it: it grows by doubling, so that a message in tiny pieces is not copied for each.
            self.received.writeBuffer(&bytes)
        } else {
            // A new buffer: the old one may have live slices, and theirs to keep.
            var joined = ByteBufferAllocator().buffer(
                capacity: self.received.readableBytes + Swift.max(self.received.readableBytes, bytes.readableBytes))
            joined.writeBuffer(&self.received)
            joined.writeBuffer(&bytes)
            self.received = joined
        }
    }

    public func channelReadComplete(context: ChannelHandlerContext) {
        // Nothing was read: the channel is about to tell the peer's end, and must not be written to before it has, for a
        // write that fails would close it in the middle of that.
        self.readBatchIsOver()
    }

    /// Nothing more comes in this read batch.
    func readBatchIsOver() {
        guard self.isInReadBatch else { return }
        self.isReadBatchOver = self.isDelivering
        if !self.isDelivering { self.endReadBatch() }
    }

    private func endReadBatch() {
        if !self.isClosed, !self.isDiscarding { self.stream.readBatchEnded() }
        self.turn?.readingEnded()
        self.isInReadBatch = false
        guard !self.isClosed, !self.isDiscarding else { return }
        self.flushAtEndOfReadBatch()
    }

    public func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case ChannelEvent.inputClosed:
            self.isInputClosed = true
            guard !self.isDiscarding else {
                if self.isOutputFlushed { self.close(context: context, mode: .all, promise: nil) }
                return
            }
            guard !self.isReadingPaused, !self.isClosed else { return }
            self.tellInputClosed()
        case TLSUserEvent.handshakeCompleted(let negotiated):
            if let required = self.requiredProtocol, negotiated != required {
                return self.closeNow(
                    TransportError(
                        .tlsFailed, "The peer did not agree on \(required) in the TLS handshake (ALPN)."))
            }
            if self.opensAfterTLS {
                self.open()
            } else {
                self.stream.tlsEstablished()
            }
        default:
            context.fireUserInboundEventTriggered(event)
        }
    }

    /// From here on reads only to see the peer's end of the connection.
    func startDiscarding() {
        self.isDiscarding = true
        self.received = ByteBuffer()
        guard self.isReadWithheld else { return }
        self.isReadWithheld = false
        self.context?.read()
    }

    /// A channel whose output is closed ends with its input, and says only that: so what came last, read or not, is handed
    /// over now, and then the end of it. After a failure nothing is: that is no end.
    func tellLateInput() {
        guard self.finishesOutput, self.isOutputClosed, !self.isInputCloseTold, !self.isDiscarding,
            self.closeCause == nil
        else { return }
        self.isInputClosed = true
        self.isReadingPaused = false
        self.deliver()
        if !self.isClosed { self.tellInputClosed() }
    }

    private func tellInputClosed() {
        guard !self.isInputCloseTold else { return }
        self.isInputCloseTold = true
        self.stream.inputClosed()
        // The end of the output has waited for this.
        if self.isOutputFlushed, !self.isClosed { self.closeChannel() }
    }

    /// Offers the received bytes to the stream.
    ///
    /// A stream may flush meanwhile, and a socket that refuses a write hands over what it still has before it closes: that
    /// waits until the stream has done with what it is looking at.
    func deliver() {
        guard !self.isDelivering else { return }
        while self.isOpen, !self.isClosed, !self.isDiscarding, !self.isReadingPaused, self.received.readableBytes > 0 {
            self.isDelivering = true
            // Taken out for the call: were it shared, consuming from it would copy it.
            var bytes = ByteBuffer()
            swap(&bytes, &self.received)
            self.stream.bytesReceived(&bytes)
            self.isDelivering = false
            guard !self.isClosed else { return }
            let more = self.received.readableBytes > 0
            if bytes.readableBytes > 0 {
                swap(&bytes, &self.received)
                if more { self.keep(&bytes) }
            }
            guard more else { break }
        }
        if self.isReadBatchOver {
            self.isReadBatchOver = false
            self.endReadBatch()
        }
    }
}
