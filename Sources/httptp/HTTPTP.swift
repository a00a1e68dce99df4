import ArgumentParser
import Foundation

/// `httptp`: a reverse proxy and load balancer that carries HTTP over Teleport.
@main
struct HTTPTP: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: About.name,
        abstract: "\(About.summary).",
        usage: About.synopsis,
        discussion: About.discussion,
        version: "\(About.name) \(About.version)")

    @OptionGroup(.configuration) var configuration: ConfigurationOptions
    @OptionGroup(.clients) var clients: ClientOptions
    @OptionGroup(.servers) var servers: ServerOptions
    @OptionGroup(.links) var links: LinkOptions
    @OptionGroup(.tls) var tls: TLSOptions
    @OptionGroup(.limits) var limits: LimitOptions
    @OptionGroup(.observing) var observing: ObservingOptions

    static func main() async {
        do {
            switch try Invocation(Array(CommandLine.arguments.dropFirst())) {
            case .help: print(self.helpMessage())
            case .version: print(self.configuration.version)
            case .manualPage: print(ManualPage.text, terminator: "")
            case .completionScript(let shell): print(shell.script, terminator: "")
            case .estimate(let arguments):
                if arguments.contains(where: { $0 == "--help" || $0 == "-h" }) {
                    print(EstimateCommand.helpMessage())
                } else {
                    try await EstimateCommand.parsed(arguments).run()
                }
            case .run(let arguments): try await self.run(arguments)
            }
        } catch {
            Failure(error).exit()
        }
    }

    func validate() throws {
        try self.tls.check(in: self.clients.type, out: self.servers.type)
    }

    /// - Parameter arguments: normalized.
    private static func run(_ arguments: [String]) async throws {
        let plan = try Plan(arguments)
        if plan.command.configuration.isPrint { print(try plan.configurationText(), terminator: "") }
        if plan.command.configuration.isCheck {
            var tls = TLSCache()
            _ = try plan.proxyConfiguration(tls: &tls, logger: plan.command.observing.makeLogger())
            FileHandle.standardError.write(Data("\(About.name): the configuration is good\n".utf8))
        }
        guard !plan.command.configuration.isPrint, !plan.command.configuration.isCheck else { return }
        try await Service(arguments, plan).run()
    }
}
