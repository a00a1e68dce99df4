import NIOCore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The bundled sample: requests and responses of real-time bidding, one JSON object a line in each file.
struct Corpus: Sendable {
    /// A request and the response that belongs to it.
    struct Bid: Sendable {
        let request: ByteBuffer
        let response: ByteBuffer
    }

    /// What bid requests are posted to.
    static let target = "/bid"

    /// Never empty.
    let bids: [Bid]

    /// Reads `rtb-requests.jsonl` and `rtb-responses.jsonl` in `directory`.
    init(directory: String) throws(DemoError) {
        let requests = try Self.lines(of: directory + "/rtb-requests.jsonl")
        let responses = try Self.lines(of: directory + "/rtb-responses.jsonl")
        guard !requests.isEmpty, requests.count == responses.count else {
            throw DemoError(
                "\(directory): \(requests.count) requests and \(responses.count) responses; expected as many of both.")
        }
        self.bids = zip(requests, responses).map { Bid(request: $0, response: $1) }
    }

    /// What tells one request from another: `{"id":"` and the 36 characters of a UUID.
    static func key(of request: ByteBuffer) -> ByteBuffer? {
        request.getSlice(at: request.readerIndex, length: 43)
    }

    private static func lines(of path: String) throws(DemoError) -> [ByteBuffer] {
        guard let file = fopen(path, "r") else {
            throw DemoError(
                "\(path) cannot be read: \(SystemError.text()). Name the folder of the sample traffic with --corpus.")
        }
        defer { fclose(file) }
        var lines: [ByteBuffer] = []
        var line: UnsafeMutablePointer<CChar>?
        var capacity = 0
        defer { free(line) }
        while true {
            let length = getline(&line, &capacity, file)
            guard length > 0, let line else { return lines }
            let bytes = UnsafeRawBufferPointer(start: line, count: length)
            lines.append(ByteBuffer(bytes: bytes.last == 0x0A ? bytes.dropLast() : bytes[...]))
        }
    }
}

/// What the operating system says about its errors.
enum SystemError {
    static func text(_ code: CInt = errno) -> String {
        String(cString: strerror(code))
    }
}
