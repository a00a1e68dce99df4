import TeleportCompress

/// snappy: any input as a stream to expand, as such and behind a stream identifier, and as bytes that must survive
/// compression.
public func fuzzSnappy(_ input: UnsafeRawBufferPointer) {
    checkExpansion(of: input, by: .snappy)
    let identified: [UInt8] = [0xff, 6, 0, 0] + Array("sNaPpY".utf8) + Array(input)
    identified.withUnsafeBytes { checkExpansion(of: $0, by: .snappy) }
    checkRoundTrip(of: input, by: .snappy)
}
