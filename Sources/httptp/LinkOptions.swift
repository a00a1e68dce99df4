import ArgumentParser

/// What Teleport is on either side.
struct LinkOptions: ParsableArguments {
    @Option(.codec) var codec: Codec?
    @Option(.codecBudget) var codecBudget: Budget
    @Option(.wire) var wire: Wire
    @Flag(.tunnel) var tunnel: Bool
    @Option(.tunnelIdleTimeout) var tunnelIdleTimeout: Span

    func validate() throws { try ProxyOption.tunnelIdleTimeout.requirePositive(self.tunnelIdleTimeout) }
}
