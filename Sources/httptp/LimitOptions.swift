import ArgumentParser
import NIOCore

/// How much is accepted, and for how long.
struct LimitOptions: ParsableArguments {
    @Option(.inMaxHeaderSize) var inHeadSize: Int
    @Option(.inMaxBodySize) var inBodySize: Int
    @Option(.inHeadTimeout) var inHeadTimeout: Span
    @Option(.inIdleTimeout) var inIdleTimeout: Span
    @Option(.outMaxHeaderSize) var outHeadSize: Int
    @Option(.outMaxBodySize) var outBodySize: Int
    @Option(.concurrency) var concurrency: Int

    /// Less could not hold the least that clients and servers send.
    static let smallestHead = 256

    func validate() throws {
        try ProxyOption.inMaxHeaderSize.require(self.inHeadSize, atLeast: Self.smallestHead)
        try ProxyOption.outMaxHeaderSize.require(self.outHeadSize, atLeast: Self.smallestHead)
        try ProxyOption.inMaxBodySize.require(self.inBodySize, atLeast: 1)
        try ProxyOption.outMaxBodySize.require(self.outBodySize, atLeast: 1)
        try ProxyOption.concurrency.require(self.concurrency, atLeast: 1)
        try ProxyOption.inHeadTimeout.requirePositive(self.inHeadTimeout)
        try ProxyOption.inIdleTimeout.requirePositive(self.inIdleTimeout)
    }
}

extension ProxyOption {
    func require(_ value: Int, atLeast least: Int) throws(Misuse) {
        guard value >= least else { throw Misuse("\(self) is at least \(least), not \(value).") }
    }

    func requirePositive(_ span: Span) throws(Misuse) {
        guard span.amount > .zero else { throw Misuse("\(self) is more than 0: write a duration such as 3s.") }
    }
}
