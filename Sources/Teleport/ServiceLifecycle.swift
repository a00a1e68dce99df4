#if ServiceLifecycle
    public import ServiceLifecycle

    extension TeleportClient: Service {}
    extension TeleportServer: Service {}

    /// Runs `operation`; calls `onShutdown` when the service group that it runs in, if any, shuts down gracefully.
    func withShutdownHandler(
        _ operation: () async -> Void, onShutdown: @escaping @Sendable () -> Void
    ) async {
        await withGracefulShutdownHandler(operation: operation, onGracefulShutdown: onShutdown)
    }
#else
    /// Without the `ServiceLifecycle` trait there are no service groups to shut down.
    func withShutdownHandler(
        _ operation: () async -> Void, onShutdown: @escaping @Sendable () -> Void
    ) async {
        await operation()
    }
#endif
