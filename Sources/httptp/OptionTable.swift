import TeleportProxy

extension ProxyOption {
    /// What it is called, takes, defaults to and does.
    var definition: OptionDefinition {
        switch self {
        case .config:
            .init(
                .configuration, "config", value: "file", completing: .file,
                "Read the configuration from this YAML file; options beside it win. SIGHUP has it read again.")
        case .check:
            .init(
                .configuration, "check",
                "Say whether the configuration and the certificates that it names are good, and do nothing else.")
        case .printConfig:
            .init(
                .configuration, "print-config",
                "Print the whole configuration, defaults included, as a file for -config, and do nothing else.")

        case .listen:
            .init(
                .clients, "listen", value: "URLs",
                "Where to listen and what clients speak there, in place of -in and -inType: https://:443, "
                    + "teleport://:8043, unix:///run/app.sock, teleport+unix:///run/link.sock. Several with commas, or "
                    + "given again.")
        case .in:
            .init(
                .clients, "in", value: "address", default: "127.0.0.1:8080",
                "Where to listen: host:port, [IPv6]:port or :port; the path of a socket with -inType unix.")
        case .inType:
            .init(
                .clients, "in-type", value: "type", default: "http", completing: Self.types,
                "What clients speak: http, https, unix (HTTP over a unix socket), teleport or teleports (over TLS).")
        case .inCompress:
            .init(
                .clients, "in-compress", value: "codec", default: "flate", completing: Self.codecs,
                "How answers to Teleport clients are compressed: none, flate, snappy, lz4, which a client that runs the "
                    + "reference does not know, or zstd, in whose place flate is sent over v0.")
        case .inDelay:
            .init(
                .clients, "in-delay", value: "duration", default: "0",
                "How long answers to Teleport clients may wait to be sent together.")
        case .inAllowIP:
            .init(
                .clients, "in-allow-ip", value: "list",
                "Who may connect: IP addresses and ranges such as 10.0.0.0/8, separated by commas. Without, everybody.")
        case .inGetOnly:
            .init(.clients, "in-get-only", "Refuse requests other than GET and HEAD, with 405.")
        case .clientIPHeader:
            .init(
                .clients, "client-ip-header", value: "name",
                "A request header that the client's IP address is appended to, such as X-Forwarded-For.")
        case .via:
            .init(
                .clients, "via", value: "name", default: "httptp",
                "How this proxy calls itself in the header Via; empty adds none.")
        case .reusePort:
            .init(.clients, "reuse-port", "Let other processes listen at the same TCP port (SO_REUSEPORT).")

        case .forward:
            .init(
                .servers, "forward", value: "URLs",
                "Where to forward to and what is spoken there, in place of -out and -outType, as "
                    + "teleports://a.example:8443,teleports://b.example:8443?weight=2; the weight is 1 to 100, how many "
                    + "requests a server gets in proportion to the others.")
        case .out:
            .init(
                .servers, "out", value: "addresses", default: "127.0.0.1:8043",
                "Where to forward to. Several are separated by commas: each request goes to the least loaded.")
        case .outType:
            .init(
                .servers, "out-type", value: "type", default: "teleport", completing: Self.types,
                "What the servers speak: http, https, unix (HTTP over a unix socket), teleport or teleports (over TLS)."
            )
        case .outCompress:
            .init(
                .servers, "out-compress", value: "codec", default: "flate", completing: Self.codecs,
                "How requests to Teleport servers are compressed: none, flate, snappy, lz4, which a server that runs "
                    + "the reference refuses, or zstd, in whose place flate is sent over v0.")
        case .outDelay:
            .init(
                .servers, "out-delay", value: "duration", default: "0",
                "How long requests to Teleport servers may wait to be sent together.")
        case .outTimeout:
            .init(
                .servers, "out-timeout", value: "duration", default: "3s",
                "How long a server may take to answer; then the client gets 504.")
        case .outConnsPerAddr:
            .init(
                .servers, "out-conns-per-addr", value: "count",
                default: "1 to a Teleport server, up to 512 as needed to an HTTP server",
                "Connections to each server.")
        case .outWarm:
            .init(
                .servers, "out-warm", value: "count", default: "0",
                "Connections to each server that are made at the start, before the first request needs them.")
        case .outMaxAge:
            .init(
                .servers, "out-max-age", value: "duration", default: "5m",
                "How old a connection to a server may be; then another takes its place, and so names are resolved anew. 0 is "
                    + "for ever.")
        case .outBalance:
            .init(
                .servers, "out-balance", value: "way", default: "least-loaded", completing: Self.balances,
                "Which server a request goes to: least-loaded, the one with the fewest pending for its weight, or round-robin, "
                    + "each in its turn, as often as its weight says.")
        case .outHealthPath:
            .init(
                .servers, "out-health-path", value: "path",
                "Ask each server for this path, as /healthz, time and again: after three answers in a row other than 200 to "
                    + "399 it gets no requests, until two are good.")
        case .outHealthInterval:
            .init(
                .servers, "out-health-interval", value: "duration", default: "5s",
                "How long after an answer servers are asked again for -outHealthPath.")
        case .outHealthTimeout:
            .init(
                .servers, "out-health-timeout", value: "duration", default: "as long as -outHealthInterval",
                "How long servers may take to answer when they are asked for -outHealthPath; at most -outTimeout.")
        case .outSlowStart:
            .init(
                .servers, "out-slow-start", value: "duration", default: "10s",
                "How long a server that comes back takes until it has its full share of requests; 0 is none.")
        case .outRetryBudget:
            .init(
                .servers, "out-retry-budget", value: "percent", default: "20",
                "How many requests may be sent a second time after a connection was lost, in percent of all, "
                    + "besides a thousand in 10 s; 0 is none at all."
            )

        case .codec:
            .init(
                .links, "codec", value: "codec", completing: Self.codecs,
                "How both sides compress, unless -inCompress or -outCompress says otherwise.")
        case .codecBudget:
            .init(
                .links, "codec-budget", value: "percent",
                "How much of each loop's time compression may take over v1, as 30%: its level follows what there is of time "
                    + "and what it saves, and beyond that blocks go as they are. Without, the level is fixed, as over v0."
            )
        case .wire:
            .init(
                .links, "wire", value: "version", default: "auto", completing: .list(Wire.allCases.map(\.rawValue)),
                "Which version of Teleport is spoken, on either side: auto (clients choose, servers are asked for v1 and, "
                    + "without TLS, spoken to in v0 if they know no other), v1, or v0, as the reference speaks.")

        case .tunnel:
            .init(
                .links, "tunnel",
                "Pass CONNECT and upgrades such as websocket on, and open a tunnel if the server behind grants it: through "
                    + "an HTTP server, or a v1 link to a proxy that has this option too. Without, they get 501.")
        case .tunnelIdleTimeout:
            .init(
                .links, "tunnel-idle-timeout", value: "duration", default: "1h",
                "How long a tunnel may be silent both ways; then it is closed.")

        case .inTLSCert:
            .init(
                .tls, "in-tls-cert", value: "files", completing: .file,
                "Certificate chains for -inType https and teleports: PEM files, separated by commas; the name that a "
                    + "client asks for chooses.")
        case .inTLSKey:
            .init(
                .tls, "in-tls-key", value: "files", completing: .file,
                "The private keys of -inTLSCert: PEM files in the same order.")
        case .inTLSClientCA:
            .init(
                .tls, "in-tls-client-ca", value: "file", completing: .file,
                "Accept only clients that show a certificate signed by one of these (PEM).")
        case .outTLSCA:
            .init(
                .tls, "out-tls-ca", value: "file", completing: .file,
                "Trust servers whose certificates these (PEM) signed, and no others. Without, the system's roots.")
        case .outTLSInsecure:
            .init(
                .tls, "out-tls-insecure",
                "Do NOT verify the certificates of servers: whoever is in between can read and change everything.")
        case .outTLSCert:
            .init(
                .tls, "out-tls-cert", value: "file", completing: .file,
                "The certificate chain to show to servers that ask for one (PEM).")
        case .outTLSKey:
            .init(
                .tls, "out-tls-key", value: "file", completing: .file, "The private key of -outTLSCert (PEM).")
        case .outTLSServerName:
            .init(
                .tls, "out-tls-server-name", value: "name",
                "The name that the certificates of servers must bear. Without, the host in -out.")

        case .inMaxHeaderSize:
            .init(
                .limits, "in-max-header-size", value: "bytes", default: "4096",
                "The largest head of a request: its first line and its headers.")
        case .inMaxBodySize:
            .init(
                .limits, "in-max-body-size", value: "bytes", default: "4194304", "The largest body of a request.")
        case .inHeadTimeout:
            .init(
                .limits, "in-head-timeout", value: "duration", default: "15s",
                "How long a client may take to send the head of a request.")
        case .inIdleTimeout:
            .init(
                .limits, "in-idle-timeout", value: "duration", default: "120s",
                "How long a client may leave its connection idle.")
        case .outMaxHeaderSize:
            .init(
                .limits, "out-max-header-size", value: "bytes", default: "4096",
                "The largest head of an answer: its first line and its headers.")
        case .outMaxBodySize:
            .init(
                .limits, "out-max-body-size", value: "bytes", default: "67108864", "The largest body of an answer.")
        case .concurrency:
            .init(
                .limits, "concurrency", value: "count", default: "100000",
                "Requests that may be under way at the same time; one more gets 429.")

        case .accessLog:
            .init(
                .observing, "access-log", value: "file", completing: .file,
                "Record each request in this file, or with - on standard output. SIGUSR1 reopens the file.")
        case .logLevel:
            .init(
                .observing, "log-level", value: "level", default: "info", completing: .list(LogLevel.names),
                "The least severe messages that are logged: trace, debug, info, notice, warning or error.")
        case .logFormat:
            .init(
                .observing, "log-format", value: "format", default: "text",
                completing: .list(LogFormat.allCases.map(\.rawValue)),
                "How messages are logged on standard error: text, or json, an object a line.")
        case .logAllErrors:
            .init(
                .observing, "log-all-errors", "Log every request that fails, rather than a summary once a second.")
        case .expvarAddr:
            .init(
                .observing, "expvar-addr", value: "address", default: "localhost:8040",
                "Where the live page is, and /metrics, /prometheus, /expvar, /healthz and /readyz; empty disables them."
            )
        }
    }

    private static let balances = OptionDefinition.Completion.list(
        ProxyConfiguration.Balance.allCases.map(\.rawValue))
    private static let types = OptionDefinition.Completion.list(Kind.allCases.map(\.rawValue))
    private static let codecs = OptionDefinition.Completion.list(Codec.allCases.map(\.rawValue))
}
