import NIOCore
import Testing

import TeleportEndpoint

/// What a codec of somebody's own is given, also by its tests.
@Suite("Received messages")
struct InboundMessageTests {
    @Test("a message of parts has these parts, looked at and taken apart")
    func parts() {
        let message = InboundMessage(
            head: ByteBuffer(string: "head"), secrets: ByteBuffer(string: "key"),
            body: .whole(ByteBuffer(string: "body")))
        let (whole, hasNoBody) = (message.head, message.hasNoBody)
        #expect(whole == ByteBuffer(string: "head"))
        #expect(!hasNoBody)
        guard case .whole(let seen) = message.body else {
            Issue.record("no body")
            return
        }
        #expect(seen == ByteBuffer(string: "body"))
        let (head, secrets, body) = message.split()
        #expect(head == ByteBuffer(string: "head"))
        #expect(secrets == ByteBuffer(string: "key"))
        guard case .whole(let taken) = body else {
            Issue.record("no body behind the head")
            return
        }
        #expect(taken == ByteBuffer(string: "body"))
    }

    @Test("a body without bytes is none")
    func nothing() {
        let message = InboundMessage(head: ByteBuffer(string: "head"), body: .whole(ByteBuffer()))
        let hasNoBody = message.hasNoBody
        #expect(hasNoBody)
        guard case .none = message.split().body else {
            Issue.record("a body of nothing")
            return
        }
    }

    @Test("what is written behind a head that was taken out does not reach the body")
    func separate() {
        let message = InboundMessage(head: ByteBuffer(string: "head"), body: .whole(ByteBuffer(string: "body")))
        let (taken, _, body) = message.split()
        var head = taken
        head.writeString("XXXX")
        guard case .whole(let bytes) = body else {
            Issue.record("no body")
            return
        }
        #expect(bytes == ByteBuffer(string: "body"))
    }
}
