import ArgumentParser

/// What Teleport is on either side.
struct LinkOptions: ParsableArguments {
    @Option(.wire) var wire: Wire
}
