import TeleportCompress

/// lz4: any input as a stream to expand, and as bytes that must survive compression.
public func fuzzLZ4(_ input: UnsafeRawBufferPointer) {
    checkExpansion(of: input, by: .lz4)
    checkRoundTrip(of: input, by: .lz4)
}
