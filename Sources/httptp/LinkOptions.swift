import ArgumentParser
import Teleport

/// Connections between this proxy and its like, on either side.
struct LinkOptions: ParsableArguments {
    @Option(.wire) var wire: WireVersion
}
