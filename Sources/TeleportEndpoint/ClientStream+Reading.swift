public import NIOCore
public import Synchronization
public import TeleportRPC
public import TeleportTransport
public import TeleportWire

/// From received bytes to answered calls.
extension ClientStream {
    @inlinable
    func received(_ bytes: inout ByteBuffer) {
        if case .awaitingPreface = self.phase {
            guard self.receivePreface(&bytes) else { return }
        }
        guard case .open = self.phase, bytes.readableBytes > 0 else { return }
        self.answer(from: &bytes)
    }

    /// Ends the calls whose answers are in what was expanded before, and in `bytes`.
    @inlinable
    func answer(from bytes: inout ByteBuffer) {
        repeat {
            self.isBatchFull = false
            do throws(RPCError) {
                try self.inbound?.receive(&bytes) { self.decode(&$0) }
            } catch {
                self.violation = error
            }
            self.completeAnswers()
        } while self.isBatchFull && self.violation == nil && self.isOpen
        if let violation = self.violation { return self.fail(violation) }
        guard self.hasYielded else { return }
        self.driver?.pauseReading()
        self.connection.eventLoop.assumeIsolated().execute { self.continueReading() }
    }

    /// The others of the loop had their turn.
    @inlinable
    func continueReading() {
        guard self.isOpen else { return }
        // What the decompressor holds comes first; then what the driver holds.
        var nothing = ByteBuffer()
        self.answer(from: &nothing)
        if !self.hasYielded { self.driver?.resumeReading() }
    }

    /// There is more to expand, after the others of the loop.
    @inlinable
    var hasYielded: Bool { self.isOpen && self.inbound?.hasYielded == true }

    /// Decodes all whole answers. Returns false to stop.
    @inlinable
    func decode(_ bytes: inout ByteBuffer) -> Bool {
        while true {
            let id: CallID
            if let begun = self.answeredID {
                id = begun
            } else {
                guard let next = CallID.decode(from: &bytes) else { return true }
                id = next
                self.answeredID = next
            }
            do throws(RPCError) {
                guard let received = try self.decoder.decode(from: &bytes) else { return true }
                self.answers.append((id, received))
                self.answeredID = nil
            } catch {
                self.violation = error
                return false
            }
            guard self.answers.count < answersPerBatch else {
                self.isBatchFull = true
                return false
            }
        }
    }

    /// Finds the calls of the answers read, under one lock, then completes them.
    @inlinable
    func completeAnswers() {
        guard !self.answers.isEmpty else { return }
        // Taken out, and put back for their memory: completing a call may run a caller's code that comes back here.
        var answers: [Answer] = []
        var calls: [ClientConnection<Codec, Completion>.Call?] = []
        swap(&answers, &self.answers)
        swap(&calls, &self.calls)
        let mustClose = self.connection.state.withLock { state in
            var mustClose = false
            for index in answers.indices {
                if case .complete(let call, let thenClose) = state.machine.answerReceived(answers[index].id) {
                    calls.append(call)
                    if thenClose { mustClose = true }
                } else {
                    calls.append(nil)
                }
            }
            return mustClose
        }
        // Emptied from the back, so that elements are moved out: copying a response counts many references.
        answers.reverse()
        calls.reverse()
        let codec = self.connection.codec
        while let answer = answers.popLast(), let call = calls.popLast() {
            guard let call else { continue }
            switch answer.received {
            case .response(let response):
                call.completion.succeed(codec.complete(response, context: call.context))
            case .refused(let error):
                call.completion.fail(error)
            }
        }
        if self.answers.isEmpty { self.answers = answers }
        if self.calls.isEmpty { self.calls = calls }
        if mustClose { self.driver?.closeGracefully() }
    }
}
