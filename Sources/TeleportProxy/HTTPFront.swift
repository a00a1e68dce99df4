internal import NIOCore
internal import Synchronization
internal import Teleport

/// One HTTP connection of a client, as the rest of the proxy sees it: a place to leave answers, from any loop.
///
/// Answers from the connection's own loop go straight in. Others are collected, and one wake-up fetches all of them.
final class HTTPFront: Sendable {
    private enum Message: Sendable {
        case answer(UInt64, Answer)
        case informational(UInt64, ResponseHead)
    }

    private struct Inbox {
        var messages: [Message] = []
        var isWakeUpDue = false
    }

    let eventLoop: any EventLoop
    private let inbox = Mutex(Inbox())
    let stream: NIOLoopBoundBox<HTTPFrontStream?>

    init(eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
        self.stream = NIOLoopBoundBox.makeEmptyBox(valueType: HTTPFrontStream.self, eventLoop: eventLoop)
    }

    /// The answer to the request with this number, or its beginning.
    func answer(_ number: UInt64, with answer: consuming Answer) {
        guard self.eventLoop.inEventLoop else { return self.leave(.answer(number, answer)) }
        self.deliver(number, consume answer)
    }

    /// An informational answer; the final one follows.
    func inform(_ number: UInt64, _ head: ResponseHead) {
        guard self.eventLoop.inEventLoop else { return self.leave(.informational(number, head)) }
        self.stream.value?.informed(number, head)
    }

    private func leave(_ message: Message) {
        let mustWake = self.inbox.withLock { inbox in
            inbox.messages.append(message)
            defer { inbox.isWakeUpDue = true }
            return !inbox.isWakeUpDue
        }
        if mustWake { self.eventLoop.execute { self.fetch() } }
    }

    private func fetch() {
        let messages = self.inbox.withLock { inbox in
            defer {
                inbox.messages = []
                inbox.isWakeUpDue = false
            }
            return inbox.messages
        }
        for message in messages {
            switch message {
            case .answer(let number, let answer): self.deliver(number, answer)
            case .informational(let number, let head): self.stream.value?.informed(number, head)
            }
        }
    }

    private func deliver(_ number: UInt64, _ answer: consuming Answer) {
        guard let stream = self.stream.value else {
            answer.pipe?.cancel()
            return
        }
        stream.answered(number, with: consume answer)
    }
}
