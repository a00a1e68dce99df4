import ArgumentParser

/// Measures Teleport the way its users use it.
@main
struct TeleportBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "teleport-bench", abstract: "Measures Teleport.", subcommands: [EndToEnd.self],
        defaultSubcommand: EndToEnd.self)
}
