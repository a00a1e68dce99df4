public import TeleportRPC
internal import Testing

/// What a call fails with; records an issue if it does not.
public func failure(of call: () async throws(RPCError) -> some Any) async -> RPCError? {
    do throws(RPCError) {
        _ = try await call()
        Issue.record("the call should have failed")
        return nil
    } catch {
        return error
    }
}
