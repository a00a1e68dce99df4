#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// Spreads threads over shards, so that event loops write to no line of the cache that another one writes to.
enum ThreadShard {
    /// The shard of the thread that calls, of two to the power of `bits`.
    static func index(bits: Int) -> Int {
        // Handles are addresses at regular distances; multiples of the golden ratio spread such numbers evenly.
        let thread = UInt(bitPattern: Self.currentThread) &* 0x9E37_79B9_7F4A_7C15
        return Int(thread >> (UInt.bitWidth - bits))
    }

    private static var currentThread: Int {
        #if canImport(Darwin)
            Int(bitPattern: pthread_self())
        #else
            Int(bitPattern: UInt(pthread_self()))
        #endif
    }
}
