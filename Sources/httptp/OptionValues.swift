import ArgumentParser
import NIOCore
import Teleport
import TeleportProxy

/// `http` or `teleport`.
enum Kind: String, ExpressibleByArgument, CaseIterable {
    case http, teleport

    var kind: ProxyConfiguration.Kind {
        switch self {
        case .http: .http
        case .teleport: .teleport
        }
    }
}

/// A codec at its default level.
enum Codec: String, ExpressibleByArgument, CaseIterable {
    case none, flate, snappy, lz4

    var codec: CompressionCodec {
        switch self {
        case .none: .none
        case .flate: .flate
        case .snappy: .snappy
        case .lz4: .lz4
        }
    }
}

/// A duration in the reference's grammar.
struct Span: ExpressibleByArgument {
    let amount: TimeAmount

    init(_ amount: TimeAmount) { self.amount = amount }

    init?(argument: String) {
        guard let amount = DurationGrammar.parse(argument) else { return nil }
        self.amount = amount
    }

    var defaultValueDescription: String {
        self.amount == .zero ? "0" : "\(self.amount.nanoseconds / 1_000_000_000)s"
    }
}
