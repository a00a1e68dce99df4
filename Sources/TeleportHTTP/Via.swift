import struct NIOCore.ByteBuffer

/// What an intermediary adds to a request to say that it came by: `Via: 1.1 name` (RFC 9110 §7.6.3).
///
/// The lines are made once, so adding them costs one copy of a few bytes and no allocation.
public struct Via: Sendable, Hashable {
    /// How the intermediary calls itself.
    public let name: String
    private let line11: [UInt8]
    private let line10: [UInt8]

    /// - Parameter name: a token, or a host with or without a port; anything else gives `nil`.
    public init?(_ name: String) {
        let utf8 = name.utf8.span
        // A comma would be the end of this member of the list, and so would be read as another intermediary.
        guard utf8.count > 0, utf8.count <= 255, !name.utf8.contains(ASCII.comma),
            ByteScan.isToken(utf8.bytes, from: 0, to: utf8.count)
                || ByteScan.isHost(utf8.bytes, from: 0, to: utf8.count)
        else { return nil }
        self.name = name
        line11 = Array("Via: 1.1 \(name)\r\n".utf8)
        line10 = Array("Via: 1.0 \(name)\r\n".utf8)
    }

    /// Upper bound of what ``write(for:to:)`` writes.
    var byteCount: Int { line11.count }

    /// - Parameter version: the version the message was received in.
    func write(for version: HTTPVersion, to writer: inout HeadWriter) {
        writer.write((version == .http10 ? line10 : line11).span.bytes)
    }

    /// Writes the field as it stands in heads of protocol v1.
    func writeFramed(for version: HTTPVersion, to writer: inout HeadWriter) {
        let line = (version == .http10 ? line10 : line11).span.bytes
        writer.write(byte: FieldID.via)
        // What stands between `Via: ` and the end of the line.
        writer.write(counted: line, from: 5, to: line.byteCount - 2)
    }
}
