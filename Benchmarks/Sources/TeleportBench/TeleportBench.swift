import ArgumentParser

/// Measures Teleport the way its users use it.
@main
struct TeleportBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "teleport-bench",
        abstract: "Measures Teleport.",
        discussion: "Only loopback is used. Build it for release: figures of a debug build mean nothing.",
        subcommands: [
            EndToEnd.self, Serve.self, Drive.self, FloorCommand.self, Matrix.self, Curve.self, ProxyCommand.self,
            Count.self,
        ],
        defaultSubcommand: EndToEnd.self)

    /// However a command ends, what it started and made is gone then.
    static func main() {
        let signals = Signals.shared.takeOver()
        defer { withExtendedLifetime(signals) {} }
        Resources.raiseDescriptorLimit()
        do {
            var command = try Self.parseAsRoot()
            if let command = command as? any AsyncParsableCommand {
                // This thread only waits meanwhile.
                nonisolated(unsafe) let command = command
                try Waiting.wait { () async throws in try await Self.run(command) }
            } else {
                try command.run()
            }
            Cleanup.shared.run()
        } catch {
            Waiting.wait { await Signals.shared.letEnd() }
            Cleanup.shared.run()
            Self.exit(withError: error)
        }
    }

    private static func run(_ command: any AsyncParsableCommand) async throws {
        var command = command
        try await command.run()
    }
}
