import TeleportFuzzing

/// libFuzzer's entry point.
@c(LLVMFuzzerTestOneInput)
public func fuzzOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    fuzzBlocks(UnsafeRawBufferPointer(start: bytes, count: count))
    return 0
}
