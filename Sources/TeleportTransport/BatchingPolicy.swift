public import struct NIOCore.TimeAmount

/// When the messages that wait in an outbound buffer are written.
///
/// A flush costs a system call, a packet, and with compression a flush marker, whatever the number of messages in it.
public struct BatchingPolicy: Sendable, Hashable {
    /// How long the first message of a batch may wait for others. Zero, the default, writes once a turn of the event
    /// loop: everything that became ready together goes together, and nothing waits for time to pass.
    public var delay: TimeAmount
    /// A batch of this many bytes is written at once, without waiting for the turn to end or the delay to pass. Default
    /// 56 KiB: the message that passes it mostly fits too into the 64 KiB that a block of v1 holds. A second block for the
    /// rest would cost a copy of the batch or another flush of the codec.
    public var byteCap: Int

    public init(delay: TimeAmount = .zero, byteCap: Int = 57344) {
        self.delay = delay
        self.byteCap = byteCap
    }
}
