internal import NIOCore
internal import Teleport

/// When a client has been waited for long enough.
extension HTTPFrontStream {
    /// Says what is waited for now, and asks to be called when that has taken too long.
    func watchTime() {
        guard let driver = self.driver else { return }
        let wait = self.currentWait
        var deadline = self.patience.waits(for: wait, now: self.eventLoop.now)
        // A connection that is answered is not idle, whatever the time.
        if wait == .request, let drainDeadline { deadline = Swift.min(deadline, drainDeadline) }
        if let probeDeadline { deadline = Swift.min(deadline, probeDeadline) }
        driver.setDeadline(deadline == .distantFuture ? nil : deadline)
    }

    var currentWait: Patience.Wait {
        if self.isReadingBody { return .body }
        // Asked once: each look at the decoder costs a check for exclusive access.
        let isBetweenMessages = self.decoder.isBetweenMessages
        if self.readingKind == .nothing, !isBetweenMessages { return .head }
        // A paused body is neither: its clock stands still.
        return isBetweenMessages && self.pipeline.isEmpty ? .request : .nothing
    }

    func deadlineReached(now: NIODeadline) {
        guard let driver = self.driver else { return }
        if let drainDeadline, drainDeadline <= now, self.currentWait == .request {
            return driver.closeGracefully()
        }
        self.probeIfDue(now: now)
        // It may have begun to be answered since it was asked for something.
        _ = self.patience.waits(for: self.currentWait, now: now)
        switch self.patience.judge(unsent: self.unsentBytes, now: now) {
        case .patient:
            self.watchTime()
        case .idle:
            driver.closeGracefully()
        case .slowRequest:
            self.giveUpReading(
                HTTPError(
                    .truncated, status: .requestTimeout, message: "The rest of the request did not come in time."))
            self.writeAnswers()
        case .slowReader:
            driver.reset(TransportError(.timedOut, "The client does not take its answer."))
        }
    }
    /// Asks a client that has closed its half whether it still waits (P-15).
    private func probeIfDue(now: NIODeadline) {
        guard let probeDeadline, probeDeadline <= now else { return }
        self.probeDeadline = self.pipeline.isEmpty ? nil : now + Self.probeInterval
        self.probe()
    }
}
