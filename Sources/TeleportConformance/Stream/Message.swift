/// An HTTP/1.1 message that a peer sent behind an id (rules V0-20 to V0-25).
struct Message: Sendable {
    let id: UInt32
    /// The request line or the status line.
    let startLine: String
    let fields: [(name: String, value: String)]
    let body: [UInt8]

    func values(_ name: String) -> [String] {
        self.fields.filter { $0.name.lowercased() == name.lowercased() }.map(\.value)
    }

    /// The status of a response.
    var status: Int { Int(self.startLine.split(separator: " ").dropFirst().first ?? "") ?? 0 }
    /// The method of a request.
    var method: String { String(self.startLine.prefix { $0 != " " }) }
    /// The target of a request.
    var target: String {
        String(self.startLine.split(separator: " ", omittingEmptySubsequences: false).dropFirst().first ?? "")
    }

    /// For the column "seen".
    var words: String { "\(self.id): \(self.startLine), \(self.body.count) bytes" }
}

/// Reads the messages of a peer, which may be no other than those it may send.
struct MessageReader {
    /// Who sends them.
    let side: Side
    private var bytes: [UInt8] = []
    private var position = 0

    init(side: Side) { self.side = side }

    /// Whether the peer stopped within a message.
    var isWithinMessage: Bool { self.position < self.bytes.count }

    mutating func feed(_ bytes: some Sequence<UInt8>) {
        self.bytes.removeFirst(self.position)
        self.position = 0
        self.bytes += bytes
    }

    mutating func next() throws(Fault) -> Message? {
        let rest = self.bytes[self.position...]
        guard rest.count >= 4 else { return nil }
        var reader = ByteReader(rest.prefix(4))
        let id: UInt32 = reader.integer() ?? 0
        let head = rest.dropFirst(4)
        guard let end = Self.endOfHead(head) else { return nil }
        let (startLine, fields) = try Self.parse(head[head.startIndex..<end], self.side)
        let length = try self.bodyLength(startLine, fields)
        let bodyStart = end + 4
        guard self.bytes.count - bodyStart >= length else { return nil }
        self.position = bodyStart + length
        let message = Message(
            id: id, startLine: startLine, fields: fields, body: Array(self.bytes[bodyStart..<bodyStart + length]))
        try self.check(message)
        return message
    }

    private static func endOfHead(_ bytes: ArraySlice<UInt8>) -> Int? {
        guard bytes.count >= 4 else { return nil }
        for index in bytes.startIndex...(bytes.endIndex - 4) where bytes[index] == 13 {
            if bytes[index + 1] == 10, bytes[index + 2] == 13, bytes[index + 3] == 10 { return index }
        }
        return nil
    }

    private static func parse(
        _ head: ArraySlice<UInt8>, _ side: Side
    ) throws(Fault) -> (String, [(name: String, value: String)]) {
        let lines = self.lines(head)
        let rule = side == .server ? "V0-22" : "V0-21"
        for line in lines where line.contains(where: { $0 == 13 || $0 == 10 || $0 == 0 }) {
            throw Fault("V0-20", "a line with a bare CR, a bare LF or NUL: \(line.hex())")
        }
        guard let first = lines.first else { throw Fault(rule, "no start line") }
        let startLine = String(decoding: first, as: UTF8.self)
        let words = startLine.split(separator: " ", omittingEmptySubsequences: false)
        switch side {
        case .server:
            guard words.count >= 2, words[0] == "HTTP/1.1" || words[0] == "HTTP/1.0", words[1].count == 3,
                Int(words[1]) != nil
            else { throw Fault(rule, "the status line \"\(startLine)\"") }
        case .client:
            guard words.count == 3, words[2] == "HTTP/1.1", !words[0].isEmpty, !words[1].isEmpty else {
                throw Fault(rule, "the request line \"\(startLine)\"")
            }
        }
        var fields: [(name: String, value: String)] = []
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")),
                HeadReader.isToken(Array(line[line.startIndex..<colon]))
            else { throw Fault("V0-20", "the field \"\(String(decoding: line, as: UTF8.self))\"") }
            var value = line[(colon + 1)...]
            while let byte = value.first, byte == 32 || byte == 9 { value = value.dropFirst() }
            while let byte = value.last, byte == 32 || byte == 9 { value = value.dropLast() }
            fields.append(
                (String(decoding: line[line.startIndex..<colon], as: UTF8.self), String(decoding: value, as: UTF8.self))
            )
        }
        return (startLine, fields)
    }

    private static func lines(_ head: ArraySlice<UInt8>) -> [ArraySlice<UInt8>] {
        var lines: [ArraySlice<UInt8>] = []
        var start = head.startIndex
        var index = head.startIndex
        while index < head.endIndex {
            if head[index] == 13, index + 1 < head.endIndex, head[index + 1] == 10 {
                lines.append(head[start..<index])
                start = index + 2
                index = start
            } else {
                index += 1
            }
        }
        lines.append(head[start...])
        return lines
    }

    private func bodyLength(_ startLine: String, _ fields: [(name: String, value: String)]) throws(Fault) -> Int {
        let rule = self.side == .server ? "V0-22" : "V0-21"
        let lengths = fields.filter { $0.name.lowercased() == "content-length" }.map(\.value)
        let words = startLine.split(separator: " ")
        if self.side == .server, let status = words.dropFirst().first, status == "204" || status == "304" {
            guard lengths.isEmpty else { throw Fault("V0-25", "a length in \(startLine)") }
            return 0
        }
        guard lengths.count <= 1 else { throw Fault(rule, "\(lengths.count) Content-Length") }
        guard let text = lengths.first else {
            guard self.side == .client, words.first == "GET" else {
                throw Fault(rule, "no Content-Length in \(startLine)")
            }
            return 0
        }
        guard !text.isEmpty, text.utf8.allSatisfy({ (48...57).contains($0) }), let length = Int(text) else {
            throw Fault(rule, "Content-Length \(text)")
        }
        return length
    }

    /// What is never sent (rules V0-21 to V0-25, V0-32).
    private func check(_ message: Message) throws(Fault) {
        let never: Set<String> = [
            "connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade", "transfer-encoding", "expect",
        ]
        for field in message.fields where never.contains(field.name.lowercased()) {
            throw Fault("V0-23", "\(field.name) in \(message.startLine)")
        }
        if let length = message.fields.firstIndex(where: { $0.name.lowercased() == "content-length" }) {
            guard length == message.fields.count - 1 else {
                throw Fault(self.side == .server ? "V0-22" : "V0-21", "Content-Length is not the last field")
            }
        }
        switch self.side {
        case .server:
            guard message.status >= 200 else { throw Fault("V0-25", "\(message.startLine)") }
        case .client:
            guard message.method != "HEAD" else { throw Fault("V0-24", "HEAD") }
            guard message.method != "CONNECT" else { throw Fault("V0-32", "CONNECT") }
            guard message.values("Host").count == 1 else {
                throw Fault("V0-21", "\(message.values("Host").count) Host")
            }
            guard message.method != "GET" || !message.body.isEmpty || message.values("Content-Length").isEmpty else {
                throw Fault("V0-21", "Content-Length in a GET without a body")
            }
        }
    }
}
