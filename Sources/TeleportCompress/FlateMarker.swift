/// The end of a sync flush, `00 00 ff ff`: the lengths of an empty stored block. Left out between blocks (rule V1-15).
enum FlateMarker {
    static let length = 4

    /// Calls the closure with the bytes.
    static func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        withUnsafeBytes(of: UInt32(0xffff_0000).littleEndian, body)
    }
}
