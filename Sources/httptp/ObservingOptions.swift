import ArgumentParser
import Logging
import Teleport

/// What can be seen of the proxy at work.
struct ObservingOptions: ParsableArguments {
    @Option(.accessLog) var accessLog: String
    @Option(.logLevel) var logLevel: LogLevel
    @Option(.logFormat) var logFormat: LogFormat
    @Flag(.logAllErrors) var logsAllErrors: Bool
    @Option(.expvarAddr) var adminText: String?

    /// Where statistics are served, and whether that is only the default, which somebody else may hold; `nil` is nowhere.
    func adminAddress() throws(Misuse) -> (address: TransportAddress, isDefault: Bool)? {
        let text = self.adminText ?? ProxyOption.expvarAddr.definition.defaultText
        guard !text.isEmpty else { return nil }
        return (try Kind.http.address(text, of: .expvarAddr), self.adminText == nil)
    }

    func makeLogger() -> Logger {
        let format = self.logFormat
        var logger = Logger(label: About.name) { label in
            switch format {
            case .text: StreamLogHandler.standardError(label: label)
            case .json: JSONLogHandler()
            }
        }
        logger.logLevel = self.logLevel.level
        return logger
    }

    func validate() throws {
        _ = try self.adminAddress()
    }
}
