/// A codec as `httptp` spells it, in the order of the table.
enum Codec: String, CaseIterable, Sendable {
    case none, flate, snappy, lz4

    /// Reads `none,flate`.
    static func list(_ text: String) throws(DemoError) -> [Codec] {
        var codecs: [Codec] = []
        for name in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let codec = Codec(rawValue: String(name)) else {
                let known = Codec.allCases.map(\.rawValue).joined(separator: ", ")
                throw DemoError("\"\(name)\" is no codec; the codecs are \(known), separated by commas.")
            }
            codecs.append(codec)
        }
        return codecs
    }
}
