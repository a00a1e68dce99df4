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
        ],
        defaultSubcommand: EndToEnd.self)

    /// However a command ends, what it started and made is gone then.
    static func main() async {
        let signals = Signals.shared.takeOver()
        defer { withExtendedLifetime(signals) {} }
        Resources.raiseDescriptorLimit()
        do {
            var command = try Self.parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
            Cleanup.shared.run()
        } catch {
            await Signals.shared.letEnd()
            Cleanup.shared.run()
            Self.exit(withError: error)
        }
    }
}
