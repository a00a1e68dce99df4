/// Which end of a connection is under test.
public enum Side: String, Sendable, Hashable, CaseIterable {
    case server
    case client
}

/// A version of the protocol.
public enum ProtocolVersion: String, Sendable, Hashable, CaseIterable {
    case v0
    case v1
}
