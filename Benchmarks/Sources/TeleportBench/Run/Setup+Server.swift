import NIOCore
import Teleport

extension Setup {
    /// A server that answers as the workload says.
    ///
    /// - Parameter first: is asked before the workload; `nil` leaves the request to it.
    func makeServer(
        _ workload: Workload, at address: TransportAddress, on group: any EventLoopGroup,
        traffic: TrafficCounters? = nil, first: (@Sendable (Request) -> Response?)? = nil
    ) throws -> TeleportServer {
        var configuration = try self.serverConfiguration(workload, at: address, on: group)
        configuration.traffic = traffic
        if let first {
            return self.makeServer(configuration, workload) { request in
                first(request) ?? workload.answer(to: request)
            }
        }
        return self.makeServer(configuration, workload) { workload.answer(to: $0) }
    }

    private func makeServer(
        _ configuration: ServerConfiguration, _ workload: Workload,
        answer: @escaping @Sendable (Request) -> Response
    ) -> TeleportServer {
        TeleportServer(
            configuration: configuration, placement: self.placement == .pool ? .pool : .eventLoop,
            work: Answering(answer: answer, isSynchronous: self.placement == .sync, limit: workload.largestBody))
    }

    /// Answers each request by itself, without waiting unless its body has not all come.
    private struct Answering: RequestWork {
        let answer: @Sendable (Request) -> Response
        let isSynchronous: Bool
        let limit: Int

        var answersImmediately: Bool { self.isSynchronous }

        func immediateResponse(to request: Request, _ context: RequestContext) -> Response? {
            request.body.isStream ? nil : self.answer(request)
        }

        nonisolated(nonsending) func response(
            to request: Request, _ context: RequestContext
        ) async throws -> Response {
            if request.body.isStream { _ = try await request.body.collect(upTo: self.limit) }
            return self.answer(request)
        }
    }

    private func serverConfiguration(
        _ workload: Workload, at address: TransportAddress, on group: any EventLoopGroup
    ) throws -> ServerConfiguration {
        var configuration = ServerConfiguration(addresses: [address])
        configuration.compression = self.codec
        configuration.compressionBudget = self.codecBudget
        configuration.eventLoopGroup = group
        configuration.maxConcurrent = Swift.max(10_000, self.inFlight)
        configuration.limits.maxConcurrent = configuration.maxConcurrent
        configuration.limits.serial = self.isSerial
        configuration.streamLimits.maxHeldBytes = self.roomForMessages(of: workload, atLeast: 16 << 20)
        configuration.handshakeTimeout = .seconds(30)
        configuration.batching.delay = .microseconds(Int64(self.serverDelay))
        if let tls = self.tls {
            configuration.tls = try ServerTLS(certificateChainFile: tls.certificate, privateKeyFile: tls.key)
        }
        return configuration
    }

    /// Enough for all that is in flight: limits are not what is measured.
    func roomForMessages(of workload: Workload, atLeast minimum: Int) -> Int {
        Swift.max(minimum, 2 * self.inFlight * (workload.largestBody + 4096))
    }
}
