import TeleportCompress

/// flate: any input as a stream to expand, and as bytes that must survive compression at a level taken from it.
public func fuzzFlate(_ input: UnsafeRawBufferPointer) {
    checkExpansion(of: input, by: .flate)
    let level = 1 + Int(input.first ?? 0) % 9
    guard let codec = try? CompressionCodec.flate(level: level) else {
        preconditionFailure("Level \(level) was refused.")
    }
    checkRoundTrip(of: input, by: codec)
}
