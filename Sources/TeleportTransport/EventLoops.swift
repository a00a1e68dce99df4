public import NIOCore
public import NIOPosix

/// The event loops that connections live on.
///
/// By default they are NIO's own, shared by the whole process; they are never shut down from here, and neither are those
/// you bring.
public enum EventLoops {
    /// The loops of the process: one a core.
    public static var shared: any EventLoopGroup { MultiThreadedEventLoopGroup.singleton }

    /// The loop of this thread, if it is one.
    @inlinable
    public static var current: (any EventLoop)? { MultiThreadedEventLoopGroup.currentEventLoop }
}
