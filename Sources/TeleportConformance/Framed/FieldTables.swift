/// The tables of names and values (rules V1-67, V1-68), typed anew from the specification.
enum FieldTables {
    /// Names by their number; the first has number 1.
    static let names = [
        "Host", "Content-Length", "Content-Type", "Date", "Server", "User-Agent", "Accept", "Accept-Encoding",
        "Accept-Language", "Cookie", "Set-Cookie", "Authorization", "Proxy-Authorization", "Via", "Location",
        "Cache-Control", "Content-Encoding", "ETag", "Last-Modified", "If-None-Match", "If-Modified-Since", "Vary",
        "Age", "Expires", "Pragma", "Referer", "Origin", "Range", "Content-Range", "Accept-Ranges",
        "Access-Control-Allow-Origin", "Content-Disposition", "Content-Language", "Content-Location", "Allow",
        "Alt-Svc", "Forwarded", "From", "If-Match", "If-Range", "If-Unmodified-Since", "Link", "Max-Forwards",
        "Proxy-Authenticate", "WWW-Authenticate", "Retry-After", "Strict-Transport-Security", "Traceparent",
        "Tracestate", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "X-Request-ID",
        "Trailer",
    ]

    /// Values by their number; the first has number 0.
    static let values = [
        "0", "1", "*", "*/*", "br", "gzip", "zstd", "identity", "gzip, deflate", "gzip, deflate, br",
        "gzip, deflate, br, zstd", "Accept-Encoding", "Origin", "application/json", "application/json; charset=utf-8",
        "application/octet-stream", "application/x-www-form-urlencoded", "text/html", "text/html; charset=utf-8",
        "text/plain", "text/plain; charset=utf-8", "bytes", "max-age=0", "no-cache", "no-store", "private", "public",
        "http", "https", "nginx",
    ]

    /// The number of a name, whatever its case.
    static func number(of name: String) -> UInt8? {
        let lowered = name.lowercased()
        return self.names.firstIndex { $0.lowercased() == lowered }.map { UInt8($0 + 1) }
    }

    /// Names that concern one connection (rule V1-63), in lower case.
    static let ofConnection: Set<String> = [
        "connection", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade", "expect",
    ]

    /// Names that have no place in trailers (rule V1-66), in lower case.
    static let notInTrailers: Set<String> = ofConnection.union([
        "host", "content-length", "trailer", "cookie", "set-cookie", "authorization", "proxy-authorization",
    ])

    /// Names whose values travel in SECRETS unless somebody turned that off (rule V1-65), in lower case.
    static let secret: Set<String> = ["authorization", "proxy-authorization", "cookie", "set-cookie"]

    /// The methods by their number; the first has number 1.
    static let methods = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH"]
}
