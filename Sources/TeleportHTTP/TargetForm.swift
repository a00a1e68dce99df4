public import struct NIOCore.ByteBuffer

/// What a request target looks like (RFC 9112 §3.2).
public enum TargetForm: Sendable, Hashable {
    /// A path and maybe a query: `/where?q=now`.
    case origin
    /// A whole URI: `http://host/path`. Its authority outranks `Host` (§3.2.2).
    case absolute(authority: ByteBuffer)
    /// A host and a port, for `CONNECT` alone.
    case authority
    /// `*`, for `OPTIONS` alone.
    case asterisk
    /// None of these.
    case invalid
}

extension RequestHead {
    /// The form of the target. Cheap for the usual one; nothing is decoded.
    public var targetForm: TargetForm {
        withBytes { _, target in targetForm(target) }
    }

    private func targetForm(_ target: RawSpan) -> TargetForm {
        let count = target.byteCount
        if method == .connect {
            return count > 0 && ByteScan.isHost(target, from: 0, to: count) ? .authority : .invalid
        }
        guard count > 0 else { return .invalid }
        switch ByteScan.byte(target, 0) {
        case ASCII.slash: return .origin
        case ASCII.asterisk: return count == 1 && method == .options ? .asterisk : .invalid
        default: return absoluteForm(target)
        }
    }

    private func absoluteForm(_ target: RawSpan) -> TargetForm {
        let count = target.byteCount
        var start = 0
        while start < count, ByteScan.byte(target, start) != ASCII.colon { start += 1 }
        guard start + 3 <= count, Self.isScheme(target, to: start), ByteScan.byte(target, start + 1) == ASCII.slash,
            ByteScan.byte(target, start + 2) == ASCII.slash
        else { return .invalid }
        start += 3
        var end = start
        while end < count, !Self.endsAuthority(ByteScan.byte(target, end)) { end += 1 }
        // User information is refused with everything else that is no host: it has no use here but to mislead.
        let targetBytes = targetBytes
        guard end > start, ByteScan.isHost(target, from: start, to: end),
            let authority = targetBytes.getSlice(at: targetBytes.readerIndex + start, length: end - start)
        else { return .invalid }
        return .absolute(authority: authority)
    }

    /// A letter, then letters, digits, `+`, `-` and `.` (RFC 3986 §3.1).
    private static func isScheme(_ target: RawSpan, to end: Int) -> Bool {
        guard end > 0, ASCII.isLetter(ByteScan.byte(target, 0)) else { return false }
        for index in 1..<end {
            switch ByteScan.byte(target, index) {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
                continue
            case let byte: guard ASCII.isLetter(byte) else { return false }
            }
        }
        return true
    }

    private static func endsAuthority(_ byte: UInt8) -> Bool {
        byte == ASCII.slash || byte == ASCII.questionMark || byte == ASCII.numberSign
    }
}
