public import NIOCore
internal import Synchronization

/// What happened at sockets so far.
public struct Traffic: Sendable, Hashable {
    /// Connections that were accepted, or made.
    public var connectionsOpened = 0
    /// Connections that could not be accepted, for example for want of file descriptors, or not be made.
    public var connectionsFailed = 0
    /// Connections that are open now.
    public var connectionsOpen = 0
    /// Bytes that the sockets gave: with TLS, encrypted ones.
    public var bytesRead = 0
    /// Bytes that the sockets took: with TLS, encrypted ones. Of a connection whose socket is full up to 64 KiB may be counted
    /// that still wait for it.
    public var bytesWritten = 0
    /// Reads that gave bytes.
    public var readCalls = 0
    /// Connections that ended with an error while reading, such as a reset.
    public var readErrors = 0
    /// Batches given to sockets to be written: one system call each, as long as the socket takes it whole.
    public var writeCalls = 0
    /// Connections that ended with an error while writing, such as a broken pipe.
    public var writeErrors = 0
    /// Of Teleport links: bytes that were received, once expanded. With HTTP there is nothing to count.
    public var plainBytesRead = 0
    /// Of Teleport links: bytes that were sent, before they were compressed.
    public var plainBytesWritten = 0
    /// Of Teleport links: how many batches were sent, by their size before compression: one number for each of
    /// ``batchBounds``, and one for those that are larger.
    public var batchSizes = [Int](repeating: 0, count: Traffic.batchBounds.count + 1)

    /// Of Teleport links whose compression has a budget: nanoseconds that it took.
    public var compressionNanoseconds = 0
    /// Of Teleport links whose compression has a budget: bytes by what was done with them. First those that were stored for
    /// want of time, then those that were compressed at each step of the codec, from the fastest on.
    public var plainBytesByStep = [Int](repeating: 0, count: 5)

    /// Bytes up to which a batch belongs to a class of sizes.
    public static let batchBounds = [256, 1024, 4096, 16384, 65536, 262_144]

    public init() {}

    /// Both together.
    public static func + (left: Traffic, right: Traffic) -> Traffic {
        var sum = left
        sum.connectionsOpened += right.connectionsOpened
        sum.connectionsFailed += right.connectionsFailed
        sum.connectionsOpen += right.connectionsOpen
        sum.bytesRead += right.bytesRead
        sum.bytesWritten += right.bytesWritten
        sum.readCalls += right.readCalls
        sum.readErrors += right.readErrors
        sum.writeCalls += right.writeCalls
        sum.writeErrors += right.writeErrors
        sum.plainBytesRead += right.plainBytesRead
        sum.plainBytesWritten += right.plainBytesWritten
        for size in sum.batchSizes.indices { sum.batchSizes[size] += right.batchSizes[size] }
        sum.compressionNanoseconds += right.compressionNanoseconds
        for step in sum.plainBytesByStep.indices { sum.plainBytesByStep[step] += right.plainBytesByStep[step] }
        return sum
    }
}

/// Counts connections and bytes of any number of listeners and connectors that it is given to, at the socket: below TLS.
///
/// Safe to read from anywhere, at any time.
public final class TrafficCounters: Sendable {
    /// One for a loop (two loops may happen to share one), so that loops do not take the cache line from each other.
    private let shards: [Shard]

    public init() {
        self.shards = (0..<Swift.max(1, System.coreCount)).map { _ in Shard() }
    }

    /// What was counted so far. Numbers that change while they are read may be of different moments.
    public var snapshot: Traffic {
        var sum = Traffic()
        for shard in self.shards { shard.add(to: &sum) }
        sum.connectionsOpen = Swift.max(0, sum.connectionsOpen)
        return sum
    }

    @usableFromInline
    package func shard(of eventLoop: any EventLoop) -> Shard {
        let hash = UInt(bitPattern: ObjectIdentifier(eventLoop).hashValue)
        return self.shards[Int(hash % UInt(self.shards.count))]
    }

    @usableFromInline
    package final class Shard: Sendable {
        private let opened = Atomic<Int>(0)
        private let closed = Atomic<Int>(0)
        private let failed = Atomic<Int>(0)
        private let bytesRead = Atomic<Int>(0)
        private let bytesWritten = Atomic<Int>(0)
        private let readCalls = Atomic<Int>(0)
        private let readErrors = Atomic<Int>(0)
        private let writeCalls = Atomic<Int>(0)
        private let writeErrors = Atomic<Int>(0)
        private let plainBytesRead = Atomic<Int>(0)
        private let plainBytesWritten = Atomic<Int>(0)
        private let batches = InlineArray<7, Atomic<Int>> { _ in Atomic(0) }

        private let compressionNanoseconds = Atomic<Int>(0)
        private let plainBytesByStep = InlineArray<5, Atomic<Int>> { _ in Atomic(0) }

        func connectionOpened() { self.opened.wrappingAdd(1, ordering: .relaxed) }
        func connectionClosed() { self.closed.wrappingAdd(1, ordering: .relaxed) }
        func connectionFailed() { self.failed.wrappingAdd(1, ordering: .relaxed) }

        func read(_ count: Int) {
            self.readCalls.wrappingAdd(1, ordering: .relaxed)
            self.bytesRead.wrappingAdd(count, ordering: .relaxed)
        }

        func readFailed() { self.readErrors.wrappingAdd(1, ordering: .relaxed) }
        func writeCalled() { self.writeCalls.wrappingAdd(1, ordering: .relaxed) }
        func wrote(_ count: Int) { self.bytesWritten.wrappingAdd(count, ordering: .relaxed) }
        func writeFailed() { self.writeErrors.wrappingAdd(1, ordering: .relaxed) }

        /// A link received bytes that were so many once expanded.
        package func received(plain count: Int) { self.plainBytesRead.wrappingAdd(count, ordering: .relaxed) }

        /// A link sent a batch that was so large before it was compressed.
        package func sentBatch(plain count: Int) {
            self.plainBytesWritten.wrappingAdd(count, ordering: .relaxed)
            let size = Traffic.batchBounds.firstIndex { count <= $0 } ?? Traffic.batchBounds.count
            self.batches[size].wrappingAdd(1, ordering: .relaxed)
        }

        /// A link with a budget compressed a block in so many nanoseconds, at a step from 1 on; or stored it, 0.
        package func compressed(plain count: Int, step: Int, nanoseconds: UInt64) {
            self.compressionNanoseconds.wrappingAdd(Int(nanoseconds), ordering: .relaxed)
            guard self.plainBytesByStep.indices.contains(step) else { return }
            self.plainBytesByStep[step].wrappingAdd(count, ordering: .relaxed)
        }

        func add(to sum: inout Traffic) {
            // What ended is read first: so a connection is not seen to end before it began.
            let closed = self.closed.load(ordering: .relaxed)
            let opened = self.opened.load(ordering: .relaxed)
            sum.connectionsOpened += opened
            sum.connectionsOpen += opened - closed
            sum.connectionsFailed += self.failed.load(ordering: .relaxed)
            sum.bytesRead += self.bytesRead.load(ordering: .relaxed)
            sum.bytesWritten += self.bytesWritten.load(ordering: .relaxed)
            sum.readCalls += self.readCalls.load(ordering: .relaxed)
            sum.readErrors += self.readErrors.load(ordering: .relaxed)
            sum.writeCalls += self.writeCalls.load(ordering: .relaxed)
            sum.writeErrors += self.writeErrors.load(ordering: .relaxed)
            sum.plainBytesRead += self.plainBytesRead.load(ordering: .relaxed)
            sum.plainBytesWritten += self.plainBytesWritten.load(ordering: .relaxed)
            for size in sum.batchSizes.indices { sum.batchSizes[size] += self.batches[size].load(ordering: .relaxed) }
            sum.compressionNanoseconds += self.compressionNanoseconds.load(ordering: .relaxed)
            for step in sum.plainBytesByStep.indices {
                sum.plainBytesByStep[step] += self.plainBytesByStep[step].load(ordering: .relaxed)
            }
        }
    }
}
