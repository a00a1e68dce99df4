import TeleportCompress

/// zstd: any input as a stream to expand, and as bytes that must survive compression at a level and in a window taken
/// from it.
public func fuzzZstd(_ input: UnsafeRawBufferPointer) {
    checkExpansion(of: input, by: .zstd)
    let level = 1 + Int(input.first ?? 0) % 19
    let windowLog = 10 + Int(input.last ?? 0) % 8
    guard let codec = try? CompressionCodec.zstd(level: level, windowLog: windowLog) else {
        preconditionFailure("Level \(level) or window 2^\(windowLog) was refused.")
    }
    checkRoundTrip(of: input, by: codec)
}
