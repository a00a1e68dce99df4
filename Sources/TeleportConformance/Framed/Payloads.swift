/// What a REQUEST that a peer sent holds.
struct RequestPayload {
    let deadline: UInt32?
    let head: ReceivedRequestHead
    let body: [UInt8]

    init(_ frame: Frame) throws(Fault) {
        var reader = ByteReader(frame.payload)
        var deadline: UInt32?
        if frame.flags.contains(.deadline) {
            deadline = reader.integer()
            guard deadline != nil else { throw Fault("V1-38", "a REQUEST that ends within its deadline") }
        }
        guard let length = reader.u24(), let head = reader.take(length) else {
            throw Fault("V1-21", "a REQUEST that is shorter than its head")
        }
        self.deadline = deadline
        self.head = try HeadReader.request(head)
        self.body = reader.rest()
    }
}

/// What a RESPONSE that a peer sent holds.
struct ResponsePayload {
    /// `nil` if it is the empty one of a one-way request (rule V1-35).
    let head: ReceivedResponseHead?
    let body: [UInt8]

    var isEmpty: Bool { self.head == nil }

    init(_ payload: [UInt8]) throws(Fault) {
        var reader = ByteReader(payload)
        guard let length = reader.u24(), let head = reader.take(length) else {
            throw Fault("V1-21", "a RESPONSE that is shorter than its head")
        }
        guard payload != [0, 0, 0] else {
            self.head = nil
            self.body = []
            return
        }
        self.head = try HeadReader.response(head)
        self.body = reader.rest()
    }
}
