/// A mistake in a configuration file: where, and what was expected.
struct ConfigurationMistake: Error, CustomStringConvertible {
    let description: String

    /// - Parameter line: counted from 1; `nil` concerns the whole file.
    init(_ file: String, line: Int?, _ text: String) {
        self.description = line.map { "\(file):\($0): \(text)" } ?? "\(file): \(text)"
    }
}
