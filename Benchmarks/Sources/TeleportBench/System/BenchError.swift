/// What went wrong, and what to do about it, in sentences for whoever ran the command.
struct BenchError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
