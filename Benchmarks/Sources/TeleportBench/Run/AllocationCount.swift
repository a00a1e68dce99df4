import CMallocCount

/// Heap allocations of this process.
enum AllocationCount {
    /// Counts while `body` runs, which returns how many requests there were; the result is for each.
    static func measure(
        _ body: () async throws -> Int
    ) async throws -> (allocations: Double, bytes: Double) {
        let before = (malloc_count_total(), malloc_count_bytes())
        malloc_count_enable(1)
        defer { malloc_count_enable(0) }
        let count = Double(Swift.max(1, try await body()))
        malloc_count_enable(0)
        return (
            Double(malloc_count_total() - before.0) / count, Double(malloc_count_bytes() - before.1) / count
        )
    }
}
