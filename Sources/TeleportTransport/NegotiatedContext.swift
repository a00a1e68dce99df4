internal import NIOSSL
internal import Synchronization

/// A TLS context with an application protocol, made with the first use: most processes never need it.
final class NegotiatedContext: Sendable {
    private let configuration: TLSConfiguration
    private let made = Mutex<(name: String, context: NIOSSLContext)?>(nil)

    init(_ configuration: TLSConfiguration) {
        self.configuration = configuration
    }

    /// `nil` if TLS cannot be set up that way; the same without the protocol could be, so it always can.
    func context(_ name: String) -> NIOSSLContext? {
        self.made.withLock { made in
            if let made, made.name == name { return made.context }
            var configuration = self.configuration
            configuration.applicationProtocols = [name]
            guard let context = try? NIOSSLContext.make(configuration) else { return nil }
            made = (name, context)
            return context
        }
    }
}
