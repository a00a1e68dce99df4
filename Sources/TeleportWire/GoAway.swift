public import struct NIOCore.ByteBuffer

/// Says that a connection takes no more streams, and why (rules V1-51 to V1-53).
public struct GoAway: Sendable, Hashable {
    /// The last stream that is taken; later ones were not executed. ``everything`` in the first of the two steps of a
    /// drain.
    public var lastID: CallID
    public var code: ErrorCode
    /// A sentence for people, at most 256 bytes. Quotes nothing that was received.
    public var text: String

    /// Says only: open no more streams.
    public static let everything = CallID(rawValue: .max)

    @inlinable
    public init(lastID: CallID, code: ErrorCode, text: String = "") {
        self.lastID = lastID
        self.code = code
        self.text = text
    }

    /// Appends the frame to `buffer`. A text that is too long is cut.
    public func encodeFrame(into buffer: inout ByteBuffer) {
        var text = self.text.utf8.prefix(FrameHeader.maximumTextLength)
        // Not within a character.
        while String(text) == nil { text = text.dropLast() }
        FrameHeader(.goAway, length: 6 + text.count).encode(into: &buffer)
        buffer.writeInteger(self.lastID.rawValue, endianness: .little)
        buffer.writeInteger(self.code.rawValue, endianness: .little)
        buffer.writeBytes(text)
    }

    /// Reads the payload of a GOAWAY frame, all of it. Bytes of the text that are not UTF-8 become U+FFFD.
    ///
    /// - Throws: ``WireError`` `.violation(.frame)` if it is too short.
    public init(payload: ByteBuffer) throws(WireError) {
        var payload = payload
        guard let last = payload.readInteger(endianness: .little, as: UInt32.self),
            let code = payload.readInteger(endianness: .little, as: UInt16.self)
        else { throw WireError(.violation(.frame), "A GOAWAY is too short (V1-22).") }
        self.init(
            lastID: CallID(rawValue: last), code: ErrorCode(rawValue: code),
            text: String(decoding: payload.readableBytesView, as: UTF8.self))
    }
}
