import CSnappy

import struct NIOCore.ByteBuffer

/// Expands the snappy framing format over libsnappy.
///
/// A data chunk is expanded when all of it is there, as its checksum counts only then: right into the caller's buffer
/// if the limit has room for it, else into `held`, from where it is handed on piece by piece.
final class SnappyDecompressor: StreamDecompressor {
    private var isIdentified = false

    /// Bytes of a skippable chunk still to come. They are dropped as they come, so a long one takes no memory.
    private var skipping = 0

    /// Plain bytes of one chunk that the limit had no room for. Owned; at most 64 KiB; keeps its memory until
    /// `release()`.
    private var held = ByteBuffer()

    func decompress(
        _ input: inout ByteBuffer, into output: inout ByteBuffer, limit: Int
    ) throws(CompressionError) -> DecompressionProgress {
        var left = limit
        while true {
            left -= self.handOn(into: &output, limit: left)
            guard self.held.readableBytes == 0 else { return .outputFull }
            guard self.skip(&input) else { return .needsInput }

            guard let header = input.getInteger(at: input.readerIndex, endianness: .little, as: UInt32.self) else {
                return .needsInput
            }
            let type = UInt8(truncatingIfNeeded: header)
            let length = Int(header >> 8)
            guard self.isIdentified || type == SnappyFraming.ChunkType.streamIdentifier else {
                throw CompressionError(.missingStreamIdentifier)
            }
            switch type {
            case SnappyFraming.ChunkType.streamIdentifier:
                guard length == SnappyFraming.streamIdentifier.count - SnappyFraming.headerLength else {
                    throw CompressionError(.corruptInput)
                }
                guard let chunk = input.readSlice(length: SnappyFraming.streamIdentifier.count) else {
                    return .needsInput
                }
                guard chunk.readableBytesView.elementsEqual(SnappyFraming.streamIdentifier) else {
                    throw CompressionError(.corruptInput)
                }
                self.isIdentified = true

            case SnappyFraming.ChunkType.compressed, SnappyFraming.ChunkType.uncompressed:
                guard length <= SnappyFraming.maximumBody else {
                    throw CompressionError(.chunkTooLarge)
                }
                guard length >= SnappyFraming.checksumLength else {
                    throw CompressionError(.corruptInput)
                }
                guard input.readableBytes >= SnappyFraming.headerLength + length else { return .needsInput }
                guard left > 0 else { return .outputFull }
                left -= try self.readChunk(from: &input, type: type, bodyLength: length, into: &output, limit: left)

            case SnappyFraming.ChunkType.skippable:
                input.moveReaderIndex(forwardBy: SnappyFraming.headerLength)
                self.skipping = length

            default:
                throw CompressionError(.unsupportedChunk(type))
            }
        }
    }

    func reset() {
        self.isIdentified = false
        self.skipping = 0
        self.held.clear()
    }

    func release() {
        self.reset()
        self.held = ByteBuffer()
    }

    /// Moves held bytes to the output, up to the limit, and returns how many.
    private func handOn(into output: inout ByteBuffer, limit: Int) -> Int {
        guard self.held.readableBytes > 0, var piece = self.held.readSlice(length: min(limit, self.held.readableBytes))
        else { return 0 }
        return output.writeBuffer(&piece)
    }

    /// Drops what has come of a skippable chunk. Returns whether its end was reached.
    private func skip(_ input: inout ByteBuffer) -> Bool {
        let count = min(self.skipping, input.readableBytes)
        input.moveReaderIndex(forwardBy: count)
        self.skipping -= count
        return self.skipping == 0
    }

    /// Expands the complete data chunk at the front of the input, and returns how many bytes went to the output.
    private func readChunk(
        from input: inout ByteBuffer, type: UInt8, bodyLength: Int, into output: inout ByteBuffer, limit: Int
    ) throws(CompressionError) -> Int {
        let start = input.readerIndex + SnappyFraming.headerLength
        let dataRange = start + SnappyFraming.checksumLength..<start + bodyLength
        let checksum = input.getInteger(at: start, endianness: .little, as: UInt32.self)
        let plainLength = try Self.plainLength(of: input, dataRange, type: type)
        guard plainLength <= SnappyFraming.maximumPlain else {
            throw CompressionError(.chunkTooLarge)
        }
        let fits = plainLength <= limit
        if fits {
            try Self.expand(input, dataRange, type: type, checksum: checksum, into: &output, plainLength: plainLength)
        } else {
            self.held.clear(minimumCapacity: SnappyFraming.maximumPlain)
            try Self.expand(
                input, dataRange, type: type, checksum: checksum, into: &self.held, plainLength: plainLength)
        }
        input.moveReaderIndex(to: dataRange.upperBound)
        return fits ? plainLength : 0
    }

    /// The plain length that a chunk declares.
    private static func plainLength(
        of input: ByteBuffer, _ range: Range<Int>, type: UInt8
    ) throws(CompressionError) -> Int {
        guard type == SnappyFraming.ChunkType.compressed else { return range.count }
        var length = 0
        let status = input.withUnsafeReadableBytes { bytes in
            let data = bytes[range.lowerBound - input.readerIndex..<range.upperBound - input.readerIndex]
            return snappy_uncompressed_length(
                UnsafeRawBufferPointer(rebasing: data).baseAddress?.assumingMemoryBound(to: CChar.self), data.count,
                &length)
        }
        guard status == SNAPPY_OK else {
            throw CompressionError(.corruptInput)
        }
        return length
    }

    /// Appends a chunk's plain bytes to a buffer once they are found to be right; else leaves the buffer as it was.
    private static func expand(
        _ input: ByteBuffer, _ range: Range<Int>, type: UInt8, checksum: UInt32?,
        into output: inout ByteBuffer, plainLength: Int
    ) throws(CompressionError) {
        var failure: CompressionError.Code?
        input.withUnsafeReadableBytes { bytes in
            let data = UnsafeRawBufferPointer(
                rebasing: bytes[range.lowerBound - input.readerIndex..<range.upperBound - input.readerIndex])
            _ = output.writeWithUnsafeMutableBytes(minimumWritableBytes: plainLength) { target in
                var length = plainLength
                if type == SnappyFraming.ChunkType.uncompressed {
                    target.copyMemory(from: data)
                } else {
                    let status = snappy_uncompress(
                        data.baseAddress?.assumingMemoryBound(to: CChar.self), data.count,
                        target.baseAddress?.assumingMemoryBound(to: CChar.self), &length)
                    guard status == SNAPPY_OK, length == plainLength else {
                        failure = .corruptInput
                        return 0
                    }
                }
                let plain = UnsafeRawBufferPointer(rebasing: target.prefix(plainLength))
                guard CRC32C.maskedChecksum(plain) == checksum else {
                    failure = .checksumMismatch
                    return 0
                }
                return plainLength
            }
        }
        if let failure {
            throw CompressionError(failure)
        }
    }
}
