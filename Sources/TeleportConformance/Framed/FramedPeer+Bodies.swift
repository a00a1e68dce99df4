/// Bodies as they may be sent: within the peer's credit.
extension FramedPeer {
    /// Bytes of DATA that may be sent on a stream now.
    func mayCredit(_ stream: UInt32) -> Int {
        Swift.min(self.monitor.outbound.left(on: stream), self.monitor.outbound.left)
    }

    /// Sends a body in DATA, waiting for credit where there is none, with END on the last frame if so wanted.
    ///
    /// - Returns: false if credit ran out, and the peer, as the client, has given its request up, as it may: then nobody
    ///   wants the rest, and no credit comes for it.
    /// - Throws: ``Departure`` if the peer gives no credit for it.
    @discardableResult
    func sendBody(
        _ stream: UInt32, count: Int, end: FrameFlags = .end, piece: Int = Frame.maximumData
    ) async throws -> Bool {
        var left = count
        while left > 0 {
            let mark = self.log.count
            guard try await self.advance(until: { $0.mayCredit(stream) > 0 || $0.isGivenUp(stream) }) else {
                throw Departure("no credit for the last \(left) of \(count) bytes: \(self.words(since: mark))")
            }
            // What credit there is may be used all the same: frames cross.
            guard self.mayCredit(stream) > 0 else { return false }
            let size = Swift.min(left, piece, self.mayCredit(stream))
            left -= size
            try await self.send(.data(stream, count: size, flags: left == 0 ? end : []))
        }
        return true
    }

    /// Whether the peer is a client and has cancelled the request of a stream.
    private func isGivenUp(_ stream: UInt32) -> Bool {
        self.monitor.side == .client && self.monitor.exchanges[stream]?.requestCancelled != nil
    }

    /// Bytes of DATA that came on a stream.
    func received(on stream: UInt32) -> Int {
        let exchange = self.monitor.exchanges[stream]
        return (self.monitor.side == .server ? exchange?.body.data : exchange?.requestBody.data) ?? 0
    }

    /// Waits until `count` bytes of DATA came on a stream, or until it ended.
    ///
    /// - Returns: how many came.
    func receive(_ count: Int, on stream: UInt32) async throws -> Int {
        _ = try await self.advance { $0.received(on: stream) >= count || $0.hasEnded(stream) }
        return self.received(on: stream)
    }

    /// Whether the peer has ended its side of a stream.
    func hasEnded(_ stream: UInt32) -> Bool {
        guard let exchange = self.monitor.exchanges[stream] else { return false }
        return self.monitor.side == .server
            ? exchange.terminal != nil : exchange.isRequestEnded || exchange.requestCancelled != nil
    }
}
