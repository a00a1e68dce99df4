/// The library that compresses ``CompressionCodec/flate``. Every receiver can read what it writes, whichever library
/// that one uses.
@nonexhaustive
public enum FlateLibrary: String, Sendable, Hashable {
    /// zlib, or what stands in for it on the system.
    case zlib
    /// Intel's ISA-L (`igzip`), in a package built with the trait `ISAL`.
    case isal = "ISA-L"
}

extension FlateLibrary: CustomStringConvertible {
    /// `zlib` or `ISA-L`.
    public var description: String { self.rawValue }
}

// This is the one place that knows whether the package was built with ISA-L.
#if ISAL
    extension FlateLibrary {
        // Blocks are expanded by ISA-L as well. Streams are not: `FlateDecompressor` says why.

        /// ISA-L is fast and stops at about the ratio of zlib's level 3, so who asks for the best ratio gets zlib.
        private static let levelsOfISAL = 1...6

        /// The library that compresses at one of our levels.
        static func compressing(level: Int) -> Self { self.levelsOfISAL ~= level ? .isal : .zlib }

        static func streamEncoder(level: Int) -> any FlateStreamEncoder {
            switch self.compressing(level: level) {
            case .isal: ISALCompressor(level: ISALLevel(level))
            case .zlib: FlateCompressor(level: level)
            }
        }

        static func blockEncoder(level: Int) throws(CompressionError) -> any BlockEncoder {
            switch self.compressing(level: level) {
            case .isal: try ISALBlockEncoder(level: ISALLevel(level))
            case .zlib: try FlateBlockEncoder(level: level)
            }
        }

        static func blockDecoder() throws(CompressionError) -> any BlockDecoder { try ISALBlockDecoder() }
    }
#else
    extension FlateLibrary {
        /// The library that compresses at one of our levels.
        static func compressing(level: Int) -> Self { .zlib }

        static func streamEncoder(level: Int) -> any FlateStreamEncoder { FlateCompressor(level: level) }

        static func blockEncoder(level: Int) throws(CompressionError) -> any BlockEncoder {
            try FlateBlockEncoder(level: level)
        }

        static func blockDecoder() throws(CompressionError) -> any BlockDecoder { try FlateBlockDecoder() }
    }
#endif
