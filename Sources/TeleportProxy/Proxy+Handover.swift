internal import Synchronization
public import Teleport

/// Giving its place to another process (rule P-43).
extension Proxy {
    /// Descriptors of all the sockets that it listens at, by the addresses of its configuration: for a process that is to take
    /// its place. Who gets them closes them.
    ///
    /// It goes on to listen; ``beginHandover()`` is called when the other one listens too.
    ///
    /// - Throws: ``TransportError`` `.bindFailed`.
    public func listeningSockets() async throws(TransportError) -> [InheritedSockets.Socket] {
        try await self.changes.run { () async throws(TransportError) in
            var sockets: [InheritedSockets.Socket] = []
            do throws(TransportError) {
                for door in self.state.withLock({ $0.doors }) {
                    if let socket = try await door.listener.duplicate(named: door.address) { sockets.append(socket) }
                }
            } catch {
                InheritedSockets.close(sockets)
                throw error
            }
            return sockets
        }
    }

    /// As ``beginGracefulShutdown()``, but somebody else listens at the same sockets: files of unix sockets stay, and
    /// connections that were accepted last are served.
    public func beginHandover() {
        self.state.withLock { $0.isHandedOver = true }
        self.beginGracefulShutdown()
    }
}
