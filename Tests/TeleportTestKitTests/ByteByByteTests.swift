import Testing

import struct NIOCore.ByteBuffer

import TeleportTestKit

@Suite struct ByteByByteTests {
    struct NotANumber: Error {}

    /// A length byte and as many bytes.
    static func decode(_: inout Int, _ input: inout ByteBuffer) throws -> ByteBuffer? {
        guard let length = input.getInteger(at: input.readerIndex, as: UInt8.self) else { return nil }
        guard length < 200 else { throw NotANumber() }
        guard input.readableBytes > Int(length) else { return nil }
        input.moveReaderIndex(forwardBy: 1)
        return input.readSlice(length: Int(length))
    }

    static let good = ByteBuffer(bytes: [2, 1, 2, 0, 3, 7, 8, 9, 1])

    @Test("a decoder that keeps the property passes, and its run is returned")
    func passes() throws {
        let run = try ByteByByte.verify(
            Self.good, leavesInputUntouched: true, makeDecoder: { 0 }, decode: Self.decode)
        #expect(run.events == [[1, 2], [], [7, 8, 9]].map { ByteBuffer(bytes: $0) })
        #expect(run.unread == 1)
        #expect(run.failure == nil)
    }

    @Test("an error is part of the run")
    func failure() throws {
        let run = try ByteByByte.verify(ByteBuffer(bytes: [1, 1, 250, 0, 0]), makeDecoder: { 0 }, decode: Self.decode)
        #expect(run.events == [ByteBuffer(bytes: [1])])
        #expect(run.failure == "NotANumber()")
    }

    @Test("events that depend on cuts are found, and may be merged")
    func cuts() throws {
        func pieces(_: inout Int, _ input: inout ByteBuffer) -> ByteBuffer? {
            input.readableBytes == 0 ? nil : input.readSlice(length: input.readableBytes)
        }
        let difference = try #require(throws: DecodingDifference.self) {
            try ByteByByte.verify(Self.good, makeDecoder: { 0 }, decode: pieces)
        }
        #expect(difference.description.hasPrefix("byte by byte: event 0 is"))
        let run = try ByteByByte.verify(
            Self.good,
            merge: { pieces in [pieces.reduce(into: ByteBuffer()) { $0.writeImmutableBuffer($1) }] },
            makeDecoder: { 0 }, decode: pieces)
        #expect(run.events == [Self.good])
    }

    @Test("a decoder that only fails on some cuts is found, and the description says how to repeat it")
    func randomCuts() throws {
        // Right if the first piece is one byte or all, wrong otherwise.
        func fragile(_ firstPiece: inout Int, _ input: inout ByteBuffer) -> Int? {
            firstPiece = firstPiece == 0 ? input.readableBytes : firstPiece
            guard input.readableBytes == Self.good.readableBytes else { return nil }
            input.clear()
            return firstPiece == 1 || firstPiece == Self.good.readableBytes ? 1 : 2
        }
        let difference = try #require(throws: DecodingDifference.self) {
            try ByteByByte.verify(
                Self.good, seed: 5, randomRuns: 10, makeDecoder: { 0 }, decode: fragile)
        }
        #expect(difference.description.contains("seed 5"))
    }

    @Test("a decoder that consumes and then says nil is found, if it promised not to")
    func touched() throws {
        func greedy(_: inout Int, _ input: inout ByteBuffer) -> Int? {
            input.moveReaderIndex(forwardBy: input.readableBytes)
            return nil
        }
        #expect(throws: DecodingDifference.self) {
            try ByteByByte.verify(Self.good, leavesInputUntouched: true, makeDecoder: { 0 }, decode: greedy)
        }
        try ByteByByte.verify(Self.good, makeDecoder: { 0 }, decode: greedy)
    }
}
