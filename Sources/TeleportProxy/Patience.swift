internal import NIOCore
internal import Teleport

/// How long an HTTP client is waited for, and with what: heads within a time, bodies at a rate, both ways.
///
/// Pure: time is an argument. What is asked of a client is generous to the slow and useless to whoever wants to hold a
/// connection with nothing.
struct Patience {
    /// What the connection waits for.
    enum Wait: Equatable {
        /// The next request.
        case request
        /// The rest of a head.
        case head
        /// The rest of a body.
        case body
        /// Nothing of the client's: its requests are being answered, or reading is paused.
        case nothing
    }

    enum Verdict {
        case patient
        /// The connection was idle for long enough.
        case idle
        /// The rest of the request did not come in time.
        case slowRequest
        /// The client does not take what it asked for.
        case slowReader
    }

    private let settings: FrontSettings
    private var wait = Wait.request
    private var since: NIODeadline
    /// Of the body being read.
    private var upload: TransferClock?
    /// Of the answers being written.
    private var download: TransferClock?
    /// Bytes handed to the socket since ``download`` began.
    private var written = 0
    private var taken = 0

    init(_ settings: FrontSettings, now: NIODeadline) {
        self.settings = settings
        self.since = now
    }

    /// Bytes of a body, or of anything else, were received.
    mutating func read(_ bytes: Int, now: NIODeadline) { self.upload?.moved(bytes, now: now) }

    /// Bytes were handed to the socket. True if that begins a wait for the client to take them.
    mutating func wrote(_ bytes: Int, now: NIODeadline) -> Bool {
        let begins = self.download == nil
        if begins {
            self.download = TransferClock(
                rate: self.settings.minimumRate, grace: self.settings.rateGrace, now: now)
            self.written = 0
            self.taken = 0
        }
        self.written += bytes
        return begins
    }

    /// The connection is a tunnel from now on, and only its silence counts (P-55).
    mutating func becameTunnel() {
        self.upload = nil
        self.download = nil
    }

    /// All requests so far were answered: if the next one is waited for, it is from now on, whether or not it was said
    /// meanwhile that nothing was waited for.
    mutating func answered(now: NIODeadline) {
        if self.wait == .request { self.since = now }
    }

    /// What the connection waits for now. Returns when to judge.
    mutating func waits(for wait: Wait, now: NIODeadline) -> NIODeadline {
        if wait != self.wait {
            self.wait = wait
            self.since = now
            switch wait {
            case .body:
                if self.upload == nil {
                    self.upload = TransferClock(
                        rate: self.settings.minimumRate, grace: self.settings.rateGrace, now: now)
                }
                self.upload?.resumed(now: now)
            case .nothing:
                self.upload?.stopped(now: now)
            case .request, .head:
                self.upload = nil
            }
        }
        return Swift.min(self.deadline ?? .distantFuture, self.download?.deadline ?? .distantFuture)
    }

    private var deadline: NIODeadline? {
        switch self.wait {
        case .request: self.since + self.settings.idleTimeout
        case .head: self.since + self.settings.headTimeout
        case .body: self.upload?.deadline
        case .nothing: nil
        }
    }

    /// - Parameter unsent: bytes of answers that the socket has not taken.
    mutating func judge(unsent: Int, now: NIODeadline) -> Verdict {
        if unsent == 0 {
            self.download = nil
        } else if var download = self.download {
            let taken = Swift.max(self.taken, self.written - unsent)
            download.moved(taken - self.taken, now: now)
            self.taken = taken
            self.download = download
            if let deadline = download.deadline, deadline <= now { return .slowReader }
        }
        guard let deadline = self.deadline, deadline <= now else { return .patient }
        return self.wait == .request ? .idle : .slowRequest
    }
}
