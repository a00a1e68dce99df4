import Foundation
import NIOCore
import NIOPosix
import NetworkTestSupport
import Synchronization
import TeleportCompress
import TeleportTransport
import TeleportWire
import Testing

@testable import TeleportEndpoint

/// Stands between a client and a server, and keeps what passes.
final class RecordingRelay: Sendable {
    /// One direction of all connections, each by itself.
    enum Direction: Sendable { case up, down }

    let address: TransportAddress
    private let listener: RawServer
    private let record: Record

    private final class Record: Sendable {
        let all = Mutex<[(up: ByteBuffer, down: ByteBuffer)]>([])

        func begin() -> Int {
            self.all.withLock { all in
                all.append((ByteBuffer(), ByteBuffer()))
                return all.count - 1
            }
        }

        func add(_ bytes: ByteBuffer, _ direction: Direction, _ index: Int) {
            self.all.withLock { all in
                switch direction {
                case .up: _ = all[index].up.writeImmutableBuffer(bytes)
                case .down: _ = all[index].down.writeImmutableBuffer(bytes)
                }
            }
        }
    }

    init(to server: TransportAddress) async throws {
        let record = Record()
        self.record = record
        self.listener = try await RawServer { front in
            let back = try await RawPeer.connect(to: server)
            let index = record.begin()
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    while let bytes = await front.readSome() {
                        record.add(bytes, .up, index)
                        back.write(bytes)
                    }
                    back.endOutput()
                }
                group.addTask {
                    while let bytes = await back.readSome() {
                        record.add(bytes, .down, index)
                        front.write(bytes)
                    }
                    front.endOutput()
                }
            }
        }
        self.address = self.listener.address
    }

    /// What passed on each connection so far.
    var passed: [(up: ByteBuffer, down: ByteBuffer)] { self.record.all.withLock { $0 } }

    func kill() async { await self.listener.kill() }
}

/// A v1 stream taken apart into its blocks.
struct BlockLog {
    struct Block {
        let codec: BlockCodec
        let plain: ByteBuffer
    }

    let blocks: [Block]
    /// The bytes of all blocks, joined: frames.
    let plain: ByteBuffer

    init(_ bytes: ByteBuffer) throws {
        var bytes = bytes
        _ = try #require(try PrefaceV1.decode(identity: .httpV1, from: &bytes))
        var decompressor = BlockDecompressor()
        var blocks: [Block] = []
        var all = ByteBuffer()
        while let header = try BlockHeader.decode(offered: .all, from: &bytes) {
            guard let encoded = bytes.readSlice(length: header.encodedLength) else { break }
            if header.releases {
                decompressor.release()
                continue
            }
            var plain = ByteBuffer()
            try decompressor.decompress(
                header.codec.kind ?? .none, resets: header.resets, encoded, decodedLength: header.decodedLength,
                into: &plain)
            blocks.append(Block(codec: header.codec, plain: plain))
            all.writeImmutableBuffer(plain)
        }
        self.blocks = blocks
        self.plain = all
    }

    func frames() throws -> [Frame] {
        var rest = self.plain
        var frames: [Frame] = []
        while let frame = try Frame.decode(headLimit: 1 << 20, from: &rest) { frames.append(frame) }
        return frames
    }

    /// How often `text` is in coded and in stored blocks.
    func count(_ text: String) -> (coded: Int, stored: Int) {
        var counts = (coded: 0, stored: 0)
        for block in self.blocks {
            let count = String(buffer: block.plain).components(separatedBy: text).count - 1
            if block.codec == .stored { counts.stored += count } else { counts.coded += count }
        }
        return counts
    }
}
