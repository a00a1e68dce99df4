/// What a fuzzer does with one input: a decoder's or a machine's properties, checked.
///
/// The bodies are in this module, apart from libFuzzer, so that the package's own tests replay every input that was
/// ever worth keeping. A target `FuzzX` is two files:
///
/// 1. `Sources/TeleportFuzzing/FuzzX.swift` here: `public func fuzzX(_ input: UnsafeRawBufferPointer)`, which traps
///    by `precondition` if a property does not hold. Add it to ``all``.
/// 2. `Fuzz/Sources/FuzzX/FuzzX.swift`, the C entry point that calls it; copy one that is there. Add the name to the
///    list in `Fuzz/Package.swift`.
///
/// Seeds go to `Fuzz/Corpus/FuzzX/`; `Scripts/fuzz` keeps what it finds under `Fuzz/Regressions/FuzzX/`.
public struct FuzzTarget: Sendable {
    /// Its name, which is also that of its executable and of its folders.
    public let name: String

    /// Checks its properties for one input. Traps if one does not hold.
    public let check: @Sendable (UnsafeRawBufferPointer) -> Void

    /// Every target.
    public static let all: [FuzzTarget] = [
        FuzzTarget(name: "FuzzFlate", check: fuzzFlate),
        FuzzTarget(name: "FuzzSnappy", check: fuzzSnappy),
        FuzzTarget(name: "FuzzLZ4", check: fuzzLZ4),
        FuzzTarget(name: "FuzzZstd", check: fuzzZstd),
        FuzzTarget(name: "FuzzBlocks", check: fuzzBlocks),
        FuzzTarget(name: "FuzzPreface", check: fuzzPreface),
        FuzzTarget(name: "FuzzFraming", check: fuzzFraming),
        FuzzTarget(name: "FuzzHTTPRequest", check: fuzzHTTPRequest),
        FuzzTarget(name: "FuzzHTTPResponse", check: fuzzHTTPResponse),
        FuzzTarget(name: "FuzzFramedHead", check: fuzzFramedHead),
        FuzzTarget(name: "FuzzClientStreams", check: fuzzClientStreams),
        FuzzTarget(name: "FuzzServerStreams", check: fuzzServerStreams),
    ]
}
