import NIOCore
import Synchronization
import TeleportHTTP
import Testing

@Suite struct BodyTests {
    @Test func holdsItsBytes() {
        #expect(Body("hé").count == 3)
        #expect(Body(bytes: [1, 2]).buffer == ByteBuffer(bytes: [1, 2]))
        #expect(Body.empty.count == 0)
        #expect(Body("abc").detached().buffer?.text == "abc")
        #expect(Body("abc").source == nil)
        #expect(Body("abc").trailers == nil)
        #expect("\(Body("abc"))" == "3 bytes")
    }

    @Test func collectsUpToTheLimitAndNotBeyond() async throws {
        #expect(try await Body("abc").collect(upTo: 3).text == "abc")
        await #expect(throws: BodyError.self) { try await Body("abc").collect(upTo: 2) }
    }

    @Test func bytesThatAreHereAreOnePieceAsOftenAsWanted() async throws {
        let body = Body("abc")
        for _ in 0..<2 { #expect(try await pieces(of: body) == ["abc"]) }
        #expect(try await pieces(of: .empty) == [])
        #expect(!body.isConsumed)
        #expect(try body.takeSource() == nil)
    }
}

/// The pieces as text.
func pieces(of body: Body) async throws(BodyError) -> [String] {
    var pieces: [String] = []
    for try await piece in body { pieces.append(piece.text) }
    return pieces
}

/// A source that gives what it was made with and notes what is done to it.
final class RecordingSource: BodySource {
    struct Failure: Error, Equatable {}

    struct State {
        var pieces: [ByteBuffer]
        var cancels = 0
    }

    let length: Int?
    let fails: Bool
    let state: Mutex<State>
    let onRelease: @Sendable () -> Void

    init(
        _ pieces: [String], length: Int? = nil, fails: Bool = false, onRelease: @escaping @Sendable () -> Void = {}
    ) {
        state = Mutex(State(pieces: pieces.map { ByteBuffer(string: $0) }))
        self.length = length
        self.fails = fails
        self.onRelease = onRelease
    }

    deinit { onRelease() }

    var left: Int { state.withLock { $0.pieces.count } }
    var cancels: Int { state.withLock { $0.cancels } }

    // Not `nonisolated(nonsending)`: a source may run where it likes.
    func next() async throws -> ByteBuffer? {
        let piece = state.withLock { $0.pieces.isEmpty ? nil : $0.pieces.removeFirst() }
        if piece == nil, fails { throw Failure() }
        return piece
    }

    func cancel() {
        state.withLock { $0.cancels += 1 }
    }

    var trailers: Fields? { left == 0 ? ["X-Sum": "1"] : nil }
}
