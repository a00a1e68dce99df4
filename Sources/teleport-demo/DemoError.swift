/// Why the demo cannot go on, said to whoever runs it.
struct DemoError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
