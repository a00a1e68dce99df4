internal import NIOCore
internal import Teleport

/// Since when nothing has moved through a tunnel, either way (P-55). Pure: time is an argument.
struct TunnelClock {
    private let limit: TimeAmount
    private var upload = BodyPipe.Flow()
    private var download = BodyPipe.Flow()
    private var since: NIODeadline

    init(limit: TimeAmount, now: NIODeadline) {
        self.limit = limit
        self.since = now
    }

    /// Whether it has been silent for longer than it may. Bytes that were taken count as those that were given do: a slow
    /// reader is no silence.
    mutating func isOver(upload: BodyPipe.Flow, download: BodyPipe.Flow, now: NIODeadline) -> Bool {
        if upload != self.upload || download != self.download {
            (self.upload, self.download) = (upload, download)
            self.since = now
        }
        return now - self.since >= self.limit
    }
}
