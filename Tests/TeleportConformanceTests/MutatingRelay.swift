import NIOCore
import Synchronization
import TeleportTransport

@testable import TeleportConformance

/// Stands between the tool and a peer under test, and breaks one thing in what the peer sends, or gets.
///
/// What passes is decoded to frames and encoded anew in stored blocks, unless a mutant says otherwise.
final class MutatingRelay: Sendable {
    /// Something to be passed on.
    enum Piece: Sendable {
        case frame(Frame)
        /// Several frames in one stored block.
        case together([Frame])
        /// A frame in a coded block, with RESET or without.
        case coded(Frame, BlockCodec, resets: Bool?)
        /// Bytes in place of blocks.
        case bytes([UInt8])
        /// The end of the connection.
        case end
    }

    /// What a mutant remembers of a connection.
    struct Memory {
        var count = 0
        var ids: [UInt32: UInt32] = [:]
        var held: [Frame] = []
        /// A request to be sent once more, and the streams behind which that is.
        var retry: Frame?
        var last: UInt32 = 0
    }

    /// What is broken.
    struct Mutation: Sendable {
        /// What becomes of a frame of the peer under test.
        var fromPeer: @Sendable (Frame, inout Memory) -> [Piece] = { frame, _ in [.frame(frame)] }
        /// What becomes of a frame of the tool; `nil` passes bytes on as they are, malformed ones too.
        var fromTool: (@Sendable (Frame, inout Memory) -> [Piece])?
        /// Whether the end that the peer gives the connection is kept from the tool.
        var hidesEnd = false
    }

    private let listener: LinkListener
    private let side: Side
    private let target: TransportAddress
    private let mutation: Mutation

    /// A relay to listen at `address` and to connect to `target`.
    ///
    /// - Parameter side: who is under test: it listens at `target` if it is a server, and connects to this relay if it is a
    ///   client.
    init(to target: TransportAddress, testing side: Side, _ mutation: Mutation) async throws {
        self.listener = try await LinkListener.bind(.tcp(host: "127.0.0.1", port: 0))
        self.side = side
        self.target = target
        self.mutation = mutation
        Task { await self.accept() }
    }

    var address: TransportAddress { self.listener.address }

    func close() async { await self.listener.close() }

    private func accept() async {
        while let incoming = await self.listener.accept(within: .seconds(60)) {
            guard let outgoing = try? await LinkConnector(address: self.target, timeout: .seconds(3)).connect() else {
                await incoming.close()
                continue
            }
            let (peer, tool) = self.side == .server ? (outgoing, incoming) : (incoming, outgoing)
            let memory = SharedMemory()
            let (mutation, hidesEnd) = (self.mutation, self.mutation.hidesEnd)
            Task {
                await Self.pass(from: peer, to: tool, memory, mutation.fromPeer, isStrict: true)
                if !hidesEnd { await tool.close() }
            }
            Task {
                await Self.pass(from: tool, to: peer, memory, mutation.fromTool, isStrict: false)
                await peer.close()
            }
        }
    }

    /// What both directions of a connection remember.
    private final class SharedMemory: Sendable {
        let memory = Mutex(Memory())
    }

    private static func pass(
        from source: Link, to target: Link, _ shared: SharedMemory,
        _ mutate: (@Sendable (Frame, inout Memory) -> [Piece])?, isStrict: Bool
    ) async {
        var preface: [UInt8] = []
        var blocks = BlockReader(offered: 0x0F, windowLog: 27)
        var frames = FrameReader(headLimit: 1 << 20)
        var writer = BlockWriter()
        while case .bytes(var bytes) = await source.read(within: .seconds(60)) {
            guard let mutate else {
                await target.write(Array(bytes.readableBytesView))
                continue
            }
            let missing = Swift.min(FramedPreface.length - preface.count, bytes.readableBytes)
            if missing > 0 {
                let piece = bytes.readBytes(length: missing) ?? []
                preface += piece
                await target.write(piece)
            }
            do {
                var output: [UInt8] = []
                for piece in try blocks.feed(bytes) {
                    frames.feed(piece)
                    while let frame = try frames.next() {
                        for result in shared.memory.withLock({ mutate(frame, &$0) }) {
                            guard let encoded = try Self.encoded(result, &writer) else {
                                await target.write(output)
                                return
                            }
                            output += encoded
                        }
                    }
                }
                if !output.isEmpty { await target.write(output) }
            } catch {
                // The tool sends what is wrong on purpose; such checks need no mutant of what it sends.
                return
            }
        }
    }

    /// - Returns: `nil` for the end of the connection.
    private static func encoded(_ piece: Piece, _ writer: inout BlockWriter) throws -> [UInt8]? {
        switch piece {
        case .frame(let frame): return Block.stored(frame.bytes)
        case .together(let frames): return Block.stored(frames.flatMap(\.bytes))
        case .coded(let frame, let codec, let resets):
            return try writer.encode(frame.bytes, in: codec).block(resets: resets)
        case .bytes(let bytes): return bytes
        case .end: return nil
        }
    }
}
