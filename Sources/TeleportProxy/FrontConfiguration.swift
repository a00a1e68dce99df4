public import NIOCore
public import Teleport
public import TeleportCompress

/// One side that clients connect to: where, what is spoken there, and what is accepted.
public struct FrontConfiguration: Sendable, Equatable {
    /// What clients speak.
    public var kind: ProxyConfiguration.Kind
    /// Where clients connect to.
    public var addresses: [TransportAddress]
    /// Which versions of Teleport clients may speak. Default: both.
    public var wire: WireVersion
    /// TLS for clients: HTTP's and v1's from the first byte, v0's after the preface. Plain clients are refused then.
    /// Default none.
    public var tls: ServerTLS?
    /// Who may connect; others are closed without a byte. Empty, the default, is everybody.
    public var allowed: [AddressRange]
    /// Whether methods other than `GET` and `HEAD` are refused with 405. Default false.
    public var getOnly: Bool
    /// A field that the client's IP address is appended to, such as `X-Forwarded-For`. Default none.
    public var clientIPField: FieldName?
    /// Whether other processes may listen at the same TCP port (`SO_REUSEPORT`). Default false.
    public var reusesPort: Bool
    /// Whether `CONNECT` and upgrades are passed on, and become tunnels if the server grants them. Default false: 501.
    public var allowsTunnels: Bool
    /// How answers to Teleport clients are compressed. Default none.
    public var compression: CompressionCodec
    /// How much of each loop's time compressing answers may take over v1, as in `ServerConfiguration`. Default `nil`: the
    /// level is fixed.
    public var compressionBudget: CompressionBudget?
    /// How long answers to Teleport clients may wait for others. Default zero.
    public var delay: TimeAmount
    /// What is accepted from clients.
    public var limits: HTTPLimits
    /// How long a client may leave a connection idle between two requests. Default 120 s.
    public var idleTimeout: TimeAmount
    /// How long a client may take from the first byte of a head to its last; then it is told 408. Default 15 s.
    public var headTimeout: TimeAmount
    /// Bytes a second, on average, that a client has to send of a body, and to take of an answer, once ``rateGrace`` has
    /// passed. Slower ones are told 408, or cut off. Default 240.
    public var minimumRate: Int
    /// How long a transfer may be slower than ``minimumRate``. Default 10 s.
    public var rateGrace: TimeAmount
    /// Requests of one HTTP connection that may be forwarded before the first is answered. Default 16; reading stops
    /// there.
    public var maxPipelined: Int

    /// A front with defaults for everything else.
    public init(_ kind: ProxyConfiguration.Kind, at addresses: [TransportAddress]) {
        self.kind = kind
        self.addresses = addresses
        self.wire = .automatic
        self.tls = nil
        self.allowed = []
        self.getOnly = false
        self.clientIPField = nil
        self.reusesPort = false
        self.allowsTunnels = false
        self.compression = .none
        self.compressionBudget = nil
        self.delay = .zero
        self.limits = .default
        self.idleTimeout = .seconds(120)
        self.headTimeout = .seconds(15)
        self.minimumRate = 240
        self.rateGrace = .seconds(10)
        self.maxPipelined = 16
    }
}
