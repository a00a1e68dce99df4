public import struct NIOCore.ByteBuffer

/// What one side of a v1 connection allows the other (rule V1-25).
public struct SettingsV1: Sendable, Hashable {
    /// Streams that may be live at the same time. Default 1000.
    public var maxStreams = 1000
    /// The largest head, in bytes. Default 64 KiB.
    public var maxHeadSize = 65536
    /// Bytes of DATA that may be sent on a stream before the first CREDIT. Default 256 KiB.
    public var streamCredit = 262_144
    /// The same for all streams together. Default 4 MiB.
    public var connectionCredit = 4_194_304
    /// The largest window of zstd, as a power of two. Default 17.
    public var zstdWindowLog = 17

    public init() {}

    /// The most credit there may be, on a stream or a connection.
    public static let maximumCredit = Int(Int32.max)

    private enum Key: UInt16, CaseIterable {
        case maxStreams = 1
        case maxHeadSize = 2
        case streamCredit = 3
        case connectionCredit = 4
        case zstdWindowLog = 5

        var allowed: ClosedRange<Int> {
            switch self {
            case .maxStreams: 0...(1 << 24)
            case .maxHeadSize: 256...(1 << 20)
            case .streamCredit: 0...SettingsV1.maximumCredit
            case .connectionCredit: 65536...SettingsV1.maximumCredit
            case .zstdWindowLog: 17...27
            }
        }
    }

    private subscript(key: Key) -> Int {
        get {
            switch key {
            case .maxStreams: self.maxStreams
            case .maxHeadSize: self.maxHeadSize
            case .streamCredit: self.streamCredit
            case .connectionCredit: self.connectionCredit
            case .zstdWindowLog: self.zstdWindowLog
            }
        }
        set {
            switch key {
            case .maxStreams: self.maxStreams = newValue
            case .maxHeadSize: self.maxHeadSize = newValue
            case .streamCredit: self.streamCredit = newValue
            case .connectionCredit: self.connectionCredit = newValue
            case .zstdWindowLog: self.zstdWindowLog = newValue
            }
        }
    }

    /// Appends a SETTINGS frame with the values that differ from their defaults.
    public func encodeFrame(into buffer: inout ByteBuffer) {
        let defaults = SettingsV1()
        let keys = Key.allCases.filter { self[$0] != defaults[$0] }
        FrameHeader(.settings, length: 6 * keys.count).encode(into: &buffer)
        for key in keys {
            buffer.writeInteger(key.rawValue, endianness: .little)
            buffer.writeInteger(UInt32(clamping: self[key]), endianness: .little)
        }
    }

    /// Reads the payload of a SETTINGS frame, all of it.
    ///
    /// - Throws: ``WireError`` `.violation(.settings)` for a value that is not allowed, a key twice, or half a setting.
    public init(payload: ByteBuffer) throws(WireError) {
        var payload = payload
        var seen: Set<UInt16> = []
        guard payload.readableBytes % 6 == 0 else {
            throw WireError(.violation(.settings), "The SETTINGS end within a setting (V1-25).")
        }
        while let number = payload.readInteger(endianness: .little, as: UInt16.self),
            let value = payload.readInteger(endianness: .little, as: UInt32.self)
        {
            guard seen.insert(number).inserted else {
                throw WireError(.violation(.settings), "A setting stands twice in the SETTINGS (V1-25).")
            }
            // What this version does not know means nothing to it.
            guard let key = Key(rawValue: number) else { continue }
            guard key.allowed.contains(Int(value)) else {
                throw WireError(.violation(.settings), "The value of setting \(number) is not allowed (V1-25).")
            }
            self[key] = Int(value)
        }
    }
}
