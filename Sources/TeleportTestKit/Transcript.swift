public import struct NIOCore.ByteBuffer

/// One recorded conversation between two peers of the reference implementation: the raw bytes of each direction and
/// what they mean.
public struct Transcript: Sendable {
    /// What the messages are.
    public enum MessageFormat: String, Sendable, Decodable {
        /// HTTP/1.1 messages behind their ids.
        case http
        /// Length-prefixed names and values behind their ids.
        case tlv
    }

    /// Name of the files it was loaded from, without extension.
    public var name: String
    /// What was recorded, for people.
    public var summary: String
    /// What the messages are.
    public var messageFormat: MessageFormat
    /// The magic that each end begins with.
    public var sniffHeader: String
    /// The version byte behind the magic.
    public var protocolVersion: UInt8

    /// Codec of what the client sends: `none`, `flate` or `snappy`.
    public var clientCodec: String
    /// Codec of what the server sends: `none`, `flate` or `snappy`.
    public var serverCodec: String

    /// Everything the client sent, preface included.
    public var client: ByteBuffer
    /// Everything the server sent, preface included.
    public var server: ByteBuffer
    /// What the client sent behind its preface, expanded. `nil` if that cannot be told: TLS, garbage, no preface.
    public var clientPlain: ByteBuffer?
    /// What the server sent behind its preface, expanded. `nil` if that cannot be told.
    public var serverPlain: ByteBuffer?

    /// The length of each end's preface as recorded; `nil` in ``rawKind`` recordings, which may have none.
    public var handshakeLength: Int?
    /// The length that a preface with this ``sniffHeader`` has: magic, version, codec, TLS flag.
    public var prefaceLength: Int { self.handshakeLength ?? self.sniffHeader.utf8.count + 3 }

    /// `nil` for two whole peers; else what else it is: `tls`, `raw client vs Go server`, `Go client vs raw server`,
    /// `several connections concatenated`.
    public var rawKind: String?

    /// The requests in the order the client sent them.
    public var requests: [TranscriptRequest]
    /// The responses in the order the server sent them.
    public var responses: [TranscriptResponse]
    /// What the client's callers got, in the order of their calls.
    public var clientResults: [TranscriptResult]

    /// The codec of what a side sends.
    public func codec(from side: LossyPair.Side) -> String {
        side == .client ? self.clientCodec : self.serverCodec
    }

    /// Everything a side sent, preface included.
    public func bytes(from side: LossyPair.Side) -> ByteBuffer {
        side == .client ? self.client : self.server
    }

    /// What a side sent behind its preface, expanded; `nil` if that cannot be told.
    public func plain(from side: LossyPair.Side) -> ByteBuffer? {
        side == .client ? self.clientPlain : self.serverPlain
    }

    /// What a side sent behind its preface, as it was on the wire; `nil` without a recorded preface.
    public func payload(from side: LossyPair.Side) -> ByteBuffer? {
        guard let length = self.handshakeLength else { return nil }
        var bytes = self.bytes(from: side)
        guard bytes.readSlice(length: length) != nil else { return nil }
        return bytes
    }
}
