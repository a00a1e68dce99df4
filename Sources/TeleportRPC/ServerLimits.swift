/// What one server connection may ask for.
public struct ServerLimits: Sendable, Hashable {
    /// Requests of one connection that are being handled at the same time; N admits exactly N. Default 10 000. (A server has a
    /// limit over all its connections besides.)
    public var maxConcurrent: Int
    /// Whether requests of one connection are handled one after the other, in the order they came. Default false.
    public var serial: Bool

    public init(maxConcurrent: Int = 10_000, serial: Bool = false) {
        self.maxConcurrent = maxConcurrent
        self.serial = serial
    }
}
