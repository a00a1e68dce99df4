import TeleportCompress

import struct NIOCore.ByteBuffer

/// Blocks of protocol v1: any input as the blocks of one direction, in whatever codecs, and as bytes that must survive.
///
/// A block is `u8 codec and flags | u16 LE decoded length − 1 | u8 encoded length | encoded bytes`. Of the first byte,
/// the low three bits are the codec, 5 and up a release; bit 3 says that the encoded length has another byte in front
/// of it, its high one; bit 4 is RESET.
public func fuzzBlocks(_ input: UnsafeRawBufferPointer) {
    checkHostileBlocks(input)
    checkOwnBlocks(input)
}

/// One block of an input.
private struct FuzzedBlock {
    var kind: CodecKind?
    var resets: Bool
    var decodedLength: Int
    var encoded: ByteBuffer

    /// Takes the next one from an input; `nil` if that is used up.
    init?(from input: inout Slice<UnsafeRawBufferPointer>) {
        guard let flags = input.popFirst() else { return nil }
        let kinds = CodecKind.allCases
        self.kind = kinds.indices ~= Int(flags & 7) ? kinds[Int(flags & 7)] : nil
        self.resets = flags & 0x10 != 0
        let low = Int(input.popFirst() ?? 0)
        self.decodedLength = 1 + low + Int(input.popFirst() ?? 0) << 8
        let high = flags & 8 != 0 ? Int(input.popFirst() ?? 0) << 8 : 0
        let length = high + Int(input.popFirst() ?? 0)
        self.encoded = ByteBuffer(bytes: input.prefix(length))
        input = input.dropFirst(length)
    }
}

/// Checks that each block gives its declared length, or an error and nothing, whatever room there is for it.
private func checkHostileBlocks(_ input: UnsafeRawBufferPointer) {
    var rest = input[...]
    var decompressor = BlockDecompressor()
    var other = BlockDecompressor()
    var roomy = ByteBuffer()
    roomy.reserveCapacity(1 << 18)
    // Which history the decompressor should have.
    var history: CodecKind?
    while let block = FuzzedBlock(from: &rest) {
        guard let kind = block.kind else {
            decompressor.release()
            other.release()
            history = nil
            continue
        }
        roomy.clear()
        var tight = ByteBuffer()
        let failure = expand(block, kind, &decompressor, into: &tight)
        let otherFailure = expand(block, kind, &other, into: &roomy)
        precondition(failure == otherFailure, "\(kind): the error depends on the room for the output.")
        precondition(tight == roomy, "\(kind): the output depends on the room for it.")
        precondition(tight.readableBytes == (failure == nil ? block.decodedLength : 0), "\(kind): another length.")
        precondition(tight.capacity <= 2 * block.decodedLength + 64, "\(kind): more memory than the block's length.")
        if failure == nil, kind != .none {
            precondition(block.resets || history == kind, "\(kind): a block without RESET was accepted.")
            history = kind
        } else if failure != nil {
            history = nil
        }
        precondition(
            decompressor.hasHistory == (history != nil && history != .snappy), "\(kind): a history too many or too few."
        )
    }
}

private func expand(
    _ block: FuzzedBlock, _ kind: CodecKind, _ decompressor: inout BlockDecompressor, into output: inout ByteBuffer
) -> CompressionError? {
    do throws(CompressionError) {
        try decompressor.decompress(
            kind, resets: block.resets, block.encoded, decodedLength: block.decodedLength, into: &output)
        return nil
    } catch {
        return error
    }
}

/// Checks that bytes survive in blocks of several lengths, some of them stored, with releases and other codecs on the
/// way.
private func checkOwnBlocks(_ input: UnsafeRawBufferPointer) {
    var decompressor = BlockDecompressor()
    var output = ByteBuffer()
    for kind in CodecKind.allCases {
        var compressor = BlockCompressor(CompressionCodec(kind))
        var rest = input[...]
        var length = 1 + Int(input.last ?? 0)
        while !rest.isEmpty {
            let block = ByteBuffer(bytes: rest.prefix(length))
            rest = rest.dropFirst(length)
            length = min(2 * length, BlockCompressor.maximumLength)
            output.clear()
            send(block, &compressor, &decompressor, into: &output)
            precondition(output == block, "\(kind): bytes changed on the way.")
            // Again: the second time its own history helps.
            output.clear()
            send(block, &compressor, &decompressor, into: &output)
            precondition(output == block, "\(kind): bytes changed on the way.")
            if length % 3 == 0, compressor.release() {
                decompressor.release()
            }
        }
    }
}

private func send(
    _ block: ByteBuffer, _ compressor: inout BlockCompressor, _ decompressor: inout BlockDecompressor,
    into output: inout ByteBuffer
) {
    var link = ByteBuffer()
    do throws(CompressionError) {
        switch try compressor.compress(block, into: &link) {
        case .encoded(let resets):
            precondition(link.readableBytes < block.readableBytes, "An encoded block did not shrink.")
            try decompressor.decompress(
                compressor.codec.kind, resets: resets, link, decodedLength: block.readableBytes, into: &output)
        case .stored:
            precondition(link.readableBytes == 0, "A stored block left bytes behind.")
            try decompressor.decompress(
                .none, resets: false, block, decodedLength: block.readableBytes, into: &output)
        }
    } catch {
        preconditionFailure("\(compressor.codec): own block was refused: \(error.message)")
    }
}
