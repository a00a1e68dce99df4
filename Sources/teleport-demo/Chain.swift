import TeleportCompress
import TeleportMeter
import TeleportTransport

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Near `httptp` → counting relay → far `httptp` → origin, for one codec.
struct Chain: Sendable {
    private let near: ChildProcess
    private let far: ChildProcess
    private let relay: Listener
    /// Counts what goes over the link.
    let meter: ByteMeter
    /// Where clients connect.
    let entrance: TransportAddress

    /// Starts all of it; if something fails, what was started is ended.
    static func start(_ codec: CodecKind, httptp: String, origin: TransportAddress) async throws -> Chain {
        let far = try ChildProcess(
            name: "far httptp", executable: httptp,
            arguments: [
                "-expvarAddr=", "-in", "127.0.0.1:0", "-inType", "teleport", "-inCompress", codec.name, "-out",
                "\(origin)",
                "-outType", "http",
            ])
        do {
            let meter = ByteMeter()
            let relay = try await meter.start(
                at: .tcp(host: "127.0.0.1", port: 0), to: far.listeningAddress(), group: EventLoops.shared)
            do {
                let near = try ChildProcess(
                    name: "near httptp", executable: httptp,
                    arguments: [
                        "-expvarAddr=", "-in", "127.0.0.1:0", "-inType", "http", "-out", "\(relay.address)", "-outType",
                        "teleport",
                        "-outCompress", codec.name,
                    ])
                do {
                    let entrance = try await near.listeningAddress()
                    return Chain(near: near, far: far, relay: relay, meter: meter, entrance: entrance)
                } catch {
                    await near.stop()
                    throw error
                }
            } catch {
                await relay.close()
                throw error
            }
        } catch {
            await far.stop()
            throw error
        }
    }

    /// Which of the two ended though it should not have, and why.
    var complaint: DemoError? { self.near.complaint ?? self.far.complaint }

    /// Ends both `httptp` and waits for them.
    func stop() async {
        async let near: Void = self.near.stop()
        async let far: Void = self.far.stop()
        _ = await (near, far)
        await self.relay.close()
    }

    /// The name to give to somebody who types it in the root of the package: the folder of the build has a shorter one.
    static func shortened(_ path: String) -> String {
        let short = ".build/release/httptp"
        return access(short, X_OK) == 0 ? short : path
    }

    /// The `httptp` that was built together with this program.
    static func findHTTPTP() throws(DemoError) -> String {
        let own = Spawn.ownPath
        let folder = own.lastIndex(of: "/").map { String(own[...$0]) } ?? "./"
        let path = folder + "httptp"
        guard access(path, X_OK) == 0 else {
            throw DemoError(
                "There is no httptp at \(path). Scripts/demo builds it, and so does: swift build -c release")
        }
        return path
    }
}
