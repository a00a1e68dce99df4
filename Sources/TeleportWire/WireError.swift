/// What is wrong with bytes that claim to be the Teleport wire format.
///
/// A wire error is final for the connection it happened on: after it nobody knows where the next message begins.
public struct WireError: Error, Sendable, Equatable {
    /// The rule that was broken.
    public enum Code: Sendable, Equatable {
        /// The first bytes are not the magic that both ends were configured with (rule V0-2).
        case wrongMagic
        /// The magic is right, the version byte is another one (rule V0-3).
        case wrongVersion(UInt8)
        /// The compression tag names no codec of this version (rule V0-4).
        case unknownCompression(UInt8)
        /// The last byte of a v1 preface is not 0 (rule V1-2).
        case unusablePreface
        /// A v1 connection error: what the peer is told.
        case violation(ErrorCode)
        /// A magic that no connection may begin with: empty, too long, or beginning with 0x16 (rule V0-1).
        case unusableMagic
    }

    /// The rule that was broken, for programs.
    public let code: Code
    /// What happened and what to do about it, for people. Holds nothing that the peer sent.
    public let message: String

    /// Creates an error.
    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }
}

extension WireError: CustomStringConvertible {
    public var description: String { self.message }
}
