import ArgumentParser
import Teleport

/// The values that options take.

/// Which version of the protocol.
enum Wire: String, ExpressibleByArgument, CaseIterable {
    case v0, v1

    var version: WireVersion { self == .v0 ? .v0 : .v1 }
}

/// What is sent and answered.
enum Payload: String, ExpressibleByArgument, CaseIterable { case hello, corpus, mix }

/// Where callers and handlers run.
enum Placement: String, ExpressibleByArgument, CaseIterable { case loop, pool, sync }

/// The codecs, by their names.
enum Codec: String, ExpressibleByArgument, CaseIterable {
    case none, flate, snappy, lz4, zstd

    /// The name for reports, at the default level.
    var reportName: String { (try? self.compression(level: nil).reportName) ?? self.rawValue }

    /// With a level, if there is one to choose.
    func compression(level: Int?) throws -> CompressionCodec {
        guard let level else { return try CompressionCodec(name: self.rawValue) }
        switch self {
        case .flate: return try .flate(level: level)
        case .zstd: return try .zstd(level: level)
        case .none, .snappy, .lz4:
            throw ValidationError("--level is for flate (1 to 9) and zstd (1 to 19), not for \(self.rawValue).")
        }
    }
}
