public import struct NIOCore.ByteBuffer

/// What a pull decoder made of an input.
public struct DecodedRun<Event: Equatable>: Equatable {
    /// The events, in order.
    public var events: [Event]
    /// The error the decoder stopped with, as text; `nil` if it took all the input it could.
    public var failure: String?
    /// Input bytes that were still unread when the decoder asked for more; 0 after a failure, when it does not matter.
    public var unread: Int
}

/// Two runs of a decoder over the same input that should be equal and are not.
public struct DecodingDifference: Error, CustomStringConvertible {
    /// Where the two runs first differ, with both sides and how to repeat it.
    public let description: String
}

/// Checks the property that every decoder keeps: how the input is cut makes no difference.
public enum ByteByByte {
    /// Runs a pull decoder over an input all at once, byte by byte, and in random pieces, and compares.
    ///
    /// ```swift
    /// let run = try ByteByByte.verify(bytes, makeDecoder: { FrameDecoder() }) { decoder, input in
    ///     try decoder.decode(from: &input)
    /// }
    /// #expect(run.events == expected)
    /// ```
    ///
    /// - Parameters:
    ///   - input: All the bytes.
    ///   - seed: For the random cuts; named in the description of a difference.
    ///   - randomRuns: How many different random ways of cutting are tried; each has its own range of piece lengths.
    ///   - leavesInputUntouched: Whether the decoder promises not to consume anything when it returns `nil`, which is
    ///     then checked.
    ///   - merge: Brings events to a form that does not depend on cuts, as with a decoder that hands on pieces of a
    ///     body as they come. By default events are compared as they are.
    ///   - makeDecoder: Makes a decoder at the start of its input; called once a run.
    ///   - decode: Takes the next event out of the input; `nil` if that needs more bytes.
    /// - Returns: The run with the input all at once.
    /// - Throws: ``DecodingDifference`` for the first run that differs. Errors of the decoder are not thrown: they are
    ///   part of the run and have to be equal too.
    @discardableResult
    public static func verify<Decoder, Event: Equatable>(
        _ input: ByteBuffer,
        seed: UInt64 = 1,
        randomRuns: Int = 3,
        leavesInputUntouched: Bool = false,
        merge: ([Event]) -> [Event] = { $0 },
        makeDecoder: () -> Decoder,
        decode: (inout Decoder, inout ByteBuffer) throws -> Event?
    ) throws(DecodingDifference) -> DecodedRun<Event> {
        func run(_ name: String, _ nextLength: () -> Int) throws(DecodingDifference) -> DecodedRun<Event> {
            var decoder = makeDecoder()
            var result = Self.run(
                input, leavesInputUntouched: leavesInputUntouched, nextLength, &decoder, decode)
            result.events = merge(result.events)
            if result.touched {
                throw DecodingDifference(
                    description: "\(name): the decoder returned nil but had consumed input after event "
                        + "\(result.events.count)")
            }
            return DecodedRun(events: result.events, failure: result.failure, unread: result.unread)
        }

        let whole = try run("all at once") { input.readableBytes }
        try Self.compare(whole, try run("byte by byte") { 1 }, name: "byte by byte")
        var random = SeededRandom(seed: seed)
        for index in 0..<randomRuns {
            let name = "in random pieces, run \(index) of \(random)"
            // From cuts within every integer to cuts within bodies.
            let longest = 4 << min(3 * index, 24)
            let pieces = try run(name) { Int.random(in: 1...longest, using: &random) }
            try Self.compare(whole, pieces, name: name)
        }
        return whole
    }

    private struct RawRun<Event> {
        var events: [Event] = []
        var failure: String?
        var unread = 0
        var touched = false
    }

    private static func run<Decoder, Event>(
        _ input: ByteBuffer, leavesInputUntouched: Bool, _ nextLength: () -> Int,
        _ decoder: inout Decoder, _ decode: (inout Decoder, inout ByteBuffer) throws -> Event?
    ) -> RawRun<Event> {
        var result = RawRun<Event>()
        var rest = input
        var pending = ByteBuffer()
        do {
            while var piece = rest.readSlice(length: min(nextLength(), rest.readableBytes)), piece.readableBytes > 0 {
                pending.discardReadBytes()
                pending.writeBuffer(&piece)
                while true {
                    let before = pending.readableBytes
                    guard let event = try decode(&decoder, &pending) else {
                        result.touched = result.touched || (leavesInputUntouched && pending.readableBytes != before)
                        break
                    }
                    result.events.append(event)
                }
            }
            result.unread = pending.readableBytes
        } catch {
            result.failure = String(describing: error)
        }
        return result
    }

    private static func compare<Event>(
        _ whole: DecodedRun<Event>, _ other: DecodedRun<Event>, name: String
    ) throws(DecodingDifference) {
        guard whole != other else { return }
        let index = zip(whole.events, other.events).enumerated().first { $0.element.0 != $0.element.1 }?.offset
        let difference =
            if let index {
                "event \(index) is \(self.brief(other.events[index])), all at once \(self.brief(whole.events[index]))"
            } else if whole.events.count != other.events.count {
                "\(other.events.count) events, all at once \(whole.events.count); the first one too many or missing is "
                    + self.brief(
                        whole.events.count > other.events.count
                            ? whole.events[other.events.count] : other.events[whole.events.count])
            } else if whole.failure != other.failure {
                "it ended with \(other.failure ?? "no error"), all at once with \(whole.failure ?? "no error")"
            } else {
                "\(other.unread) bytes were left unread, all at once \(whole.unread)"
            }
        throw DecodingDifference(description: "\(name): \(difference)")
    }

    /// A value as text that fits a line.
    private static func brief<Value>(_ value: Value) -> String {
        let text = String(reflecting: value)
        return text.count <= 200 ? text : text.prefix(200) + "…"
    }
}
