import Logging
import Teleport
import TeleportProxy

/// Hot restart (rule P-43).
extension Service {
    /// How long a successor may take until it listens.
    static let startLimit = Duration.seconds(30)

    /// How far this process is with giving its place to another one.
    enum Restart {
        case none
        /// It is being started. A reload that is asked for meanwhile comes after it, if this process is still there.
        case starting(Successor?, wantsReload: Bool)
        case handedOver
        /// This process was told to stop before that.
        case stopped
    }

    /// Starts another process that takes the place of this one, and has this one drain once the other listens. If there is
    /// none to be had, this one goes on.
    func handOver() async {
        do {
            let sockets = try await self.socketsToHandOver()
            guard case .starting(_, let wantsReload) = self.restart else { return InheritedSockets.close(sockets) }
            let successor = try Successor(
                CommandLine.arguments[0], Array(CommandLine.arguments.dropFirst()), environment: self.environment,
                sockets: sockets)
            self.restart = .starting(successor, wantsReload: wantsReload)
            self.logger.info("starting a successor", metadata: ["successor": "\(successor.processID)"])
            try await successor.waitUntilReady(within: Self.startLimit)
            guard case .starting = self.restart else { return }
            self.restart = .handedOver
            self.logger.info(
                "a successor listens: draining", metadata: ["successor": "\(successor.processID)"])
            self.manager.isReplaced(by: successor.processID, Self.readyStatus)
            self.proxy.beginHandover()
            self.events.continuation.finish()
        } catch {
            guard case .starting(_, let wantsReload) = self.restart else { return }
            self.restart = .none
            self.logger.error(
                "nobody takes over, and this process goes on", metadata: ["mistake": "\(Failure(error).message)"])
            if wantsReload { self.events.continuation.yield(.reload) }
        }
    }

    private func socketsToHandOver() async throws(TransportError) -> [InheritedSockets.Socket] {
        var sockets = try await self.proxy.listeningSockets()
        do throws(TransportError) {
            if let socket = try await self.admin?.listeningSocket() { sockets.append(socket) }
            sockets += try self.inherited.duplicates()
        } catch {
            InheritedSockets.close(sockets)
            throw error
        }
        return sockets
    }

    /// No more changes come.
    func endRestart() {
        switch self.restart {
        case .handedOver:
            // The service manager watches the other one.
            return
        case .starting(let successor, _):
            // Whoever stops this process means all of it.
            successor?.endNow()
        case .none, .stopped:
            break
        }
        self.restart = .stopped
        self.manager.isStopping()
    }
}
