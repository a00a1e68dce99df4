import ArgumentParser

/// What Teleport is on either side.
struct LinkOptions: ParsableArguments {
    @Option(.codec) var codec: Codec?
    @Option(.wire) var wire: Wire
}
