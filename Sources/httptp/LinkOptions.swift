import ArgumentParser

/// What Teleport is on either side.
struct LinkOptions: ParsableArguments {
    @Option(.codec) var codec: Codec?
    @Option(.codecBudget) var codecBudget: Budget
    @Option(.wire) var wire: Wire
}
