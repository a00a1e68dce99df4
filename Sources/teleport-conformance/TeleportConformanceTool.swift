import ArgumentParser
import Foundation
import TeleportConformance
import TeleportTransport

/// `teleport-conformance`: checks a server or a client against the specification, rule by rule.
@main
struct TeleportConformanceTool: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "teleport-conformance",
        abstract: "Checks a Teleport server or client against the specification, rule by rule.",
        usage: """
            teleport-conformance --connect HOST:PORT [options]
            teleport-conformance --listen HOST:PORT [options]
            """,
        discussion: """
            Exit code: 0 if no check failed, 1 if one did, 2 if nothing could be checked.

            Some checks need more of a server than the protocol: name paths for them with --echo, --large and --slow. A \
            check that cannot be made is reported as not observed, with the reason; that is no failure.

            A client under test has to connect again whenever its connection ends, and to go on sending requests, several at \
            the same time, each with a target of its own, some with streamed bodies over 64 KiB, some with cookies of a few \
            hundred bytes that a codec could shorten; so should the answers of a server under test have cookies.
            """)

    @OptionGroup var subject: SubjectOptions
    @OptionGroup var selection: SelectionOptions
    @OptionGroup var security: SecurityOptions
    @OptionGroup var server: ServerOptions

    static func main() async {
        do {
            var command = try self.parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch let code as ExitCode {
            Foundation.exit(code.rawValue)
        } catch {
            let text = self.fullMessage(for: error)
            guard self.exitCode(for: error) != .success else {
                print(text)
                Foundation.exit(EXIT_SUCCESS)
            }
            Output.complain(text)
            Foundation.exit(Misuse.exitCode)
        }
    }

    func validate() throws {
        guard !self.selection.list else { return }
        try self.subject.check()
        try self.security.check(isListening: self.subject.listen != nil)
    }

    func run() async throws {
        let side: Side = self.subject.listen == nil ? .server : .client
        let checks = try self.selection.checks(
            of: self.selection.list && self.subject.isEmpty ? Side.allCases : [side])
        guard !self.selection.list else { return Output.list(checks) }
        let output = Output(checks: checks, isJSON: self.selection.json)
        let (outcomes, address) =
            side == .server ? try await self.checkServer(checks, output) : try await self.checkClient(checks, output)
        output.finish(outcomes, side: side, address: address)
        guard outcomes.allSatisfy({ $0.verdict != .fail }) else { throw ExitCode(1) }
    }

    private func checkServer(_ checks: [Check], _ output: Output) async throws -> ([Outcome], String) {
        var subject = ServerSubject(address: try self.subject.address())
        subject.security = self.security.client
        if let host = self.server.host { subject.host = host }
        subject.echo = self.server.echo
        subject.large = self.server.large
        subject.slow = self.server.slow
        subject.drain = self.server.drainAction
        subject.hasOwnLimits = self.selection.ownLimits
        subject.timeout = self.selection.timeLimit
        output.begin("Checking the server at \(subject.address), \(checks.count) checks.")
        do throws(Unreachable) {
            let run = ServerRun(subject, checks: checks)
            return (try await run { output.report($0) }, "\(subject.address)")
        } catch {
            throw Misuse(error.description)
        }
    }

    private func checkClient(_ checks: [Check], _ output: Output) async throws -> ([Outcome], String) {
        var subject = ClientSubject(address: try self.subject.address())
        subject.security = self.security.server
        subject.hasOwnLimits = self.selection.ownLimits
        subject.timeout = self.selection.timeLimit
        subject.patience = .milliseconds(Int64(self.selection.patience * 1000))
        let run: ClientRun
        do throws(CannotListen) {
            run = try await ClientRun(subject, checks: checks)
        } catch {
            throw Misuse(error.description)
        }
        output.begin("Waiting for a client at \(run.address), \(checks.count) checks.")
        return (await run(waiting: { output.wait($0, $1) }, report: { output.report($0) }), run.address)
    }
}
