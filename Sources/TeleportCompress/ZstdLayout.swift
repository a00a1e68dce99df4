/// Follows a peer's bytes through the layout of zstd (RFC 8878, section 3.1.1), ahead of the library.
///
/// The library would take more than our formats allow: skippable frames, frames of its first versions, checksums,
/// dictionaries. It allocates for a window as soon as it reads of it. And it expands several of zstd's blocks at a
/// call, but forgets those that were right when it comes to one that is not. So what is handed to it are pieces that
/// were looked at here: a frame's header, or one block and no more.
///
/// ```
/// frame: 28 b5 2f fd | descriptor | window | block | block …        block: u24 LE header | content
///                      00 (one bit     exponent, 5 bits;                    bit 0: last of its frame
///                      is ignored)     mantissa, 3 bits                     bits 1, 2: raw, RLE, compressed
///                                                                           others: length
/// ```
struct ZstdLayout {
    /// What a step found at the front of its bytes.
    enum Piece: Equatable {
        /// So many bytes of a frame, for the library.
        case frame(Int)
        /// So many bytes of a frame's end without its frame: see ``ZstdCompressor``. Not for the library.
        case orphanedEnd(Int)
    }

    private enum Place {
        /// Before a frame; so many bytes of its header have passed.
        case frameHeader(Int)
        /// In an end without a frame; so many bytes of it have passed.
        case orphanedEnd(Int)
        /// Before a block; so many bytes of its header have passed, and this is their value.
        case blockHeader(Int, UInt32)
        /// In a block's content; so much is left of it.
        case content(Int, isLast: Bool)
    }

    private var place = Place.frameHeader(0)

    /// The most that a block of this frame may hold or expand to.
    private var maximumBlock = 0

    /// The largest window, in bytes.
    private let maximumWindow: Int

    /// What zstd's own limits say of a block, whatever the window.
    private static let absoluteMaximumBlock = 128 * 1024

    private static let frameStart: [UInt8] = [0x28, 0xb5, 0x2f, 0xfd]
    private static let blockHeaderLength = 3

    /// A block header that ends a frame and holds nothing.
    static let emptyLastBlock: [UInt8] = [1, 0, 0]

    /// Starts in front of a frame.
    ///
    /// - Parameter windowLog: The largest window that a frame may ask for, as a power of two.
    init(windowLog: Int) {
        self.maximumWindow = 1 << windowLog
    }

    /// Whether it stands in a frame, in front of a block's first byte.
    var isBetweenBlocks: Bool {
        if case .blockHeader(0, _) = self.place { true } else { false }
    }

    /// Finds the piece at the front of some bytes, and goes behind it.
    ///
    /// - Parameter bytes: What came; not empty.
    /// - Throws: ``CompressionError/Code/windowTooLarge(limit:)``, or ``CompressionError/Code/corruptInput`` at the
    ///   first byte that no frame of ours has at its place.
    mutating func step(_ bytes: UnsafeRawBufferPointer) throws(CompressionError) -> Piece {
        switch self.place {
        case .frameHeader(0) where bytes.first == Self.emptyLastBlock.first, .orphanedEnd:
            return .orphanedEnd(try self.passOrphanedEnd(bytes))
        case .frameHeader(let passed):
            return .frame(try self.passFrameHeader(bytes, passed))
        case .blockHeader(let passed, let value):
            return .frame(try self.passBlockHeader(bytes, passed, value))
        case .content(let left, let isLast):
            return .frame(self.passContent(min(left, bytes.count), of: left, isLast: isLast))
        }
    }

    private mutating func passFrameHeader(
        _ bytes: UnsafeRawBufferPointer, _ passed: Int
    ) throws(CompressionError) -> Int {
        var passed = passed
        var count = 0
        while count < bytes.count {
            let byte = bytes[count]
            count += 1
            passed += 1
            switch passed {
            case ...Self.frameStart.count:
                guard byte == Self.frameStart[passed - 1] else {
                    throw CompressionError(.corruptInput)
                }
            case Self.frameStart.count + 1:
                // Bit 4 is unused, and a receiver must not look at it. The others would announce what rule V1-16
                // excludes.
                guard byte & 0xef == 0 else {
                    throw CompressionError(.corruptInput)
                }
            default:
                let base = 1 << (10 + Int(byte >> 3))
                let window = base + base / 8 * Int(byte & 7)
                guard window <= self.maximumWindow else {
                    throw CompressionError(.windowTooLarge(limit: self.maximumWindow))
                }
                self.maximumBlock = min(window, Self.absoluteMaximumBlock)
                self.place = .blockHeader(0, 0)
                return count
            }
        }
        self.place = .frameHeader(passed)
        return count
    }

    /// Passes a header and, so that the library is called once a block, the content that came with it.
    private mutating func passBlockHeader(
        _ bytes: UnsafeRawBufferPointer, _ passed: Int, _ value: UInt32
    ) throws(CompressionError) -> Int {
        let count = min(Self.blockHeaderLength - passed, bytes.count)
        var value = value
        for index in 0..<count {
            value |= UInt32(bytes[index]) << UInt32(8 * (passed + index))
        }
        guard passed + count == Self.blockHeaderLength else {
            self.place = .blockHeader(passed + count, value)
            return count
        }
        let type = value >> 1 & 3
        let length = Int(value >> 3)
        // Type 3 is reserved. The length of a run is what it expands to: its content is one byte.
        guard type != 3, length <= self.maximumBlock else {
            throw CompressionError(.corruptInput)
        }
        let left = type == 1 ? 1 : length
        let passing = min(left, bytes.count - count)
        return count + self.passContent(passing, of: left, isLast: value & 1 != 0)
    }

    private mutating func passContent(_ count: Int, of left: Int, isLast: Bool) -> Int {
        if count < left {
            self.place = .content(left - count, isLast: isLast)
        } else {
            self.place = isLast ? .frameHeader(0) : .blockHeader(0, 0)
        }
        return count
    }

    private mutating func passOrphanedEnd(_ bytes: UnsafeRawBufferPointer) throws(CompressionError) -> Int {
        var passed = 0
        if case .orphanedEnd(let before) = self.place {
            passed = before
        }
        let count = min(Self.emptyLastBlock.count - passed, bytes.count)
        guard bytes.prefix(count).elementsEqual(Self.emptyLastBlock[passed..<passed + count]) else {
            throw CompressionError(.corruptInput)
        }
        passed += count
        self.place = passed < Self.emptyLastBlock.count ? .orphanedEnd(passed) : .frameHeader(0)
        return count
    }
}
