import Foundation
import TestTraits
import Testing

import struct NIOCore.ByteBuffer

import TeleportCompress
import TeleportTestKit

/// `Specs/Vectors/v1/blocks.json`: what other implementations make of rules V1-11 to V1-18.
@Suite(.computing) struct BlockVectorTests {
    struct Vectors: Decodable {
        var sequences: [Sequence]
    }

    struct Sequence: Decodable {
        var name: String
        var blocks: [Block]
    }

    struct Block: Decodable {
        var release: Bool?
        var codec: String?
        var resets: Bool?
        var encoded: String?
        var decodedLength: Int?
        /// The plain bytes, or, if they are many, their hash; neither if the block is to be refused.
        var decoded: String?
        var decodedSHA256: String?
        /// The name of the error's code.
        var fails: String?

        enum CodingKeys: String, CodingKey {
            case release, codec, resets, encoded, decoded, fails
            case decodedLength = "decoded_length"
            case decodedSHA256 = "decoded_sha256"
        }
    }

    static let sequences: [String: Sequence] = {
        let path = VectorLoader.packageDirectory + "/Specs/Vectors/v1/blocks.json"
        guard let data = try? Data(contentsOf: URL(fileURLWithPath: path)),
            let vectors = try? JSONDecoder().decode(Vectors.self, from: data)
        else { return [:] }
        return Dictionary(vectors.sequences.map { ($0.name, $0) }) { first, _ in first }
    }()

    @Test("there are vectors of every codec")
    func presence() {
        #expect(Self.sequences.count == 42)
        #expect(Set(Self.sequences.values.flatMap(\.blocks).compactMap(\.codec)) == Set(CodecKind.allCases.map(\.name)))
    }

    @Test("each block gives the bytes or the error that it should", arguments: sequences.keys.sorted())
    func expands(name: String) throws {
        let sequence = try #require(Self.sequences[name])
        // One that no other test's mistakes can move: twice, with a release between, from one decompressor.
        var decompressor = BlockDecompressor()
        for _ in 0..<2 {
            for (index, block) in sequence.blocks.enumerated() {
                try Self.check(block, &decompressor, "block \(index)")
            }
            decompressor.release()
        }
    }

    private static func check(_ block: Block, _ decompressor: inout BlockDecompressor, _ comment: Comment) throws {
        if block.release == true {
            decompressor.release()
            return
        }
        let kind = try CodecKind(name: try #require(block.codec))
        let encoded = try self.bytes(try #require(block.encoded))
        let length = try #require(block.decodedLength)
        var output = ByteBuffer()
        do throws(CompressionError) {
            try decompressor.decompress(
                kind, resets: block.resets == true, encoded, decodedLength: length, into: &output)
        } catch {
            #expect("\(error.code)".hasPrefix(block.fails ?? "no error"), comment)
            #expect(output.readableBytes == 0, comment)
            return
        }
        #expect(block.fails == nil, comment)
        #expect(output.readableBytes == length, comment)
        if let hash = block.decodedSHA256 {
            #expect(SHA256.hexDigest(of: output) == hash, comment)
        } else if block.fails == nil {
            #expect(output == (try self.bytes(try #require(block.decoded))), comment)
        }
    }

    private static func bytes(_ hex: String) throws -> ByteBuffer {
        var buffer = ByteBuffer()
        var digits = Substring(hex)
        while !digits.isEmpty {
            buffer.writeInteger(try #require(UInt8(digits.prefix(2), radix: 16)))
            digits = digits.dropFirst(2)
        }
        return buffer
    }
}
