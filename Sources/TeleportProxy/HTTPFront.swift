internal import NIOCore
internal import Synchronization
internal import Teleport

/// One HTTP connection of a client, as the rest of the proxy sees it: a place to leave answers, from any loop.
///
/// Answers from the connection's own loop go straight in. Others are collected, and one wake-up fetches all of them.
final class HTTPFront: Sendable {
    private struct Inbox {
        var answers: [(number: UInt64, response: Response)] = []
        var isWakeUpDue = false
    }

    let eventLoop: any EventLoop
    private let inbox = Mutex(Inbox())
    let stream: NIOLoopBoundBox<HTTPFrontStream?>

    init(eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
        self.stream = NIOLoopBoundBox.makeEmptyBox(valueType: HTTPFrontStream.self, eventLoop: eventLoop)
    }

    /// The answer to the request with this number.
    func answer(_ number: UInt64, with response: Response) {
        if self.eventLoop.inEventLoop {
            self.stream.value?.answered(number, with: response)
            return
        }
        let mustWake = self.inbox.withLock { inbox in
            inbox.answers.append((number, response))
            defer { inbox.isWakeUpDue = true }
            return !inbox.isWakeUpDue
        }
        if mustWake { self.eventLoop.execute { self.fetch() } }
    }

    private func fetch() {
        let answers = self.inbox.withLock { inbox in
            defer {
                inbox.answers = []
                inbox.isWakeUpDue = false
            }
            return inbox.answers
        }
        for answer in answers { self.stream.value?.answered(answer.number, with: answer.response) }
    }
}
