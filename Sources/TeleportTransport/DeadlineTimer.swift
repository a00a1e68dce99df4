public import NIOCore

/// One timer that can be moved: at most one callback is scheduled, and moving it later costs nothing until it fires.
///
/// Deadlines mostly move later (a call ends, another takes its place), so the callback that is there is kept; when it
/// fires too early it is scheduled again for the rest. Confined to its loop.
///
/// What it calls may hold the owner of the timer, who then has to end it: a weak reference would cost each use of the owner
/// more, not only the timer's.
public final class DeadlineTimer: NIOScheduledCallbackHandler {
    private let eventLoop: any EventLoop
    private var reached: ((NIODeadline) -> Void)?
    private var deadline: NIODeadline?
    private var scheduled: (callback: NIOScheduledCallback, at: NIODeadline)?

    /// `reached` is called on the loop, at or after the deadline, once for each deadline set.
    public init(eventLoop: any EventLoop, reached: @escaping (NIODeadline) -> Void) {
        self.eventLoop = eventLoop
        self.reached = reached
    }

    /// Calls `reached` at `deadline` instead of what was set before; `nil` asks for nothing.
    public func set(_ deadline: NIODeadline?) {
        self.deadline = deadline
        guard let deadline, self.reached != nil else {
            self.scheduled?.callback.cancel()
            self.scheduled = nil
            return
        }
        if let scheduled = self.scheduled {
            guard deadline < scheduled.at else { return }
            scheduled.callback.cancel()
            self.scheduled = nil
        }
        self.schedule(at: deadline)
    }

    /// Calls nothing any more, whatever is set, and lets go of what it would have called.
    public func end() {
        self.set(nil)
        self.reached = nil
    }

    public func handleScheduledCallback(eventLoop: some EventLoop) {
        self.scheduled = nil
        guard let deadline = self.deadline else { return }
        let now = eventLoop.now
        guard now >= deadline else { return self.schedule(at: deadline) }
        self.deadline = nil
        self.reached?(now)
    }

    private func schedule(at deadline: NIODeadline) {
        // Fails only on a loop that has shut down, where nothing is left to be timed.
        guard
            let callback = try? self.eventLoop.assumeIsolated().scheduleCallback(at: deadline, handler: self)
        else { return }
        self.scheduled = (callback, deadline)
    }
}
