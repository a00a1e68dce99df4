import Teleport

extension CompressionCodec {
    /// The name for reports: with the library, if that is not the one that everybody has.
    var reportName: String {
        guard let library = self.flateLibrary, library != .zlib else { return self.name }
        return "\(self.name) (\(library))"
    }

    /// The name within a row of the matrix.
    var rowName: String {
        switch self.kind {
        case .lz4: "LZ4"
        case .flate: self.flateLibrary == .isal ? "FlateISAL" : "Flate"
        default: self.name.prefix(1).uppercased() + self.name.dropFirst()
        }
    }
}
