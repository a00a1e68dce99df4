/// The names that have an id of their own. The id of a name is its place here; 0 stands for every other name.
///
/// Up to ``FieldID/lastInTable`` the ids are also the numbers of the names in heads of protocol v1 (V1-67), so they keep
/// them for ever; behind it stand the names of one connection, which never travel by number. There are at most 63 names,
/// so that a set of them fits one 64-bit word.
extension FieldName {
    static let spellings: [StaticString] = [
        "",
        "Host", "Content-Length", "Content-Type", "Date", "Server", "User-Agent", "Accept", "Accept-Encoding",
        "Accept-Language", "Cookie", "Set-Cookie", "Authorization", "Proxy-Authorization", "Via", "Location",
        "Cache-Control", "Content-Encoding", "ETag", "Last-Modified", "If-None-Match", "If-Modified-Since", "Vary",
        "Age", "Expires", "Pragma", "Referer", "Origin", "Range", "Content-Range", "Accept-Ranges",
        "Access-Control-Allow-Origin", "Content-Disposition", "Content-Language", "Content-Location", "Allow",
        "Alt-Svc", "Forwarded", "From", "If-Match", "If-Range", "If-Unmodified-Since", "Link", "Max-Forwards",
        "Proxy-Authenticate", "WWW-Authenticate", "Retry-After", "Strict-Transport-Security", "Traceparent",
        "Tracestate", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "X-Request-ID",
        "Trailer", "Connection", "Expect", "Keep-Alive", "Proxy-Connection", "TE", "Transfer-Encoding", "Upgrade",
    ]

    /// `Host`
    @inlinable public static var host: Self { Self(id: 1) }
    /// `Content-Length`
    @inlinable public static var contentLength: Self { Self(id: 2) }
    /// `Content-Type`
    @inlinable public static var contentType: Self { Self(id: 3) }
    /// `Date`
    @inlinable public static var date: Self { Self(id: 4) }
    /// `Server`
    @inlinable public static var server: Self { Self(id: 5) }
    /// `User-Agent`
    @inlinable public static var userAgent: Self { Self(id: 6) }
    /// `Accept`
    @inlinable public static var accept: Self { Self(id: 7) }
    /// `Accept-Encoding`
    @inlinable public static var acceptEncoding: Self { Self(id: 8) }
    /// `Accept-Language`
    @inlinable public static var acceptLanguage: Self { Self(id: 9) }
    /// `Cookie`
    @inlinable public static var cookie: Self { Self(id: 10) }
    /// `Set-Cookie`
    @inlinable public static var setCookie: Self { Self(id: 11) }
    /// `Authorization`
    @inlinable public static var authorization: Self { Self(id: 12) }
    /// `Proxy-Authorization`
    @inlinable public static var proxyAuthorization: Self { Self(id: 13) }
    /// `Via`
    @inlinable public static var via: Self { Self(id: 14) }
    /// `Location`
    @inlinable public static var location: Self { Self(id: 15) }
    /// `Cache-Control`
    @inlinable public static var cacheControl: Self { Self(id: 16) }
    /// `Content-Encoding`
    @inlinable public static var contentEncoding: Self { Self(id: 17) }
    /// `ETag`
    @inlinable public static var eTag: Self { Self(id: 18) }
    /// `Last-Modified`
    @inlinable public static var lastModified: Self { Self(id: 19) }
    /// `If-None-Match`
    @inlinable public static var ifNoneMatch: Self { Self(id: 20) }
    /// `If-Modified-Since`
    @inlinable public static var ifModifiedSince: Self { Self(id: 21) }
    /// `Vary`
    @inlinable public static var vary: Self { Self(id: 22) }
    /// `Age`
    @inlinable public static var age: Self { Self(id: 23) }
    /// `Expires`
    @inlinable public static var expires: Self { Self(id: 24) }
    /// `Pragma`
    @inlinable public static var pragma: Self { Self(id: 25) }
    /// `Referer`
    @inlinable public static var referer: Self { Self(id: 26) }
    /// `Origin`
    @inlinable public static var origin: Self { Self(id: 27) }
    /// `Range`
    @inlinable public static var range: Self { Self(id: 28) }
    /// `Content-Range`
    @inlinable public static var contentRange: Self { Self(id: 29) }
    /// `Accept-Ranges`
    @inlinable public static var acceptRanges: Self { Self(id: 30) }
    /// `Access-Control-Allow-Origin`
    @inlinable public static var accessControlAllowOrigin: Self { Self(id: 31) }
    /// `Content-Disposition`
    @inlinable public static var contentDisposition: Self { Self(id: 32) }
    /// `Content-Language`
    @inlinable public static var contentLanguage: Self { Self(id: 33) }
    /// `Content-Location`
    @inlinable public static var contentLocation: Self { Self(id: 34) }
    /// `Allow`
    @inlinable public static var allow: Self { Self(id: 35) }
    /// `Alt-Svc`
    @inlinable public static var altSvc: Self { Self(id: 36) }
    /// `Forwarded`
    @inlinable public static var forwarded: Self { Self(id: 37) }
    /// `From`
    @inlinable public static var from: Self { Self(id: 38) }
    /// `If-Match`
    @inlinable public static var ifMatch: Self { Self(id: 39) }
    /// `If-Range`
    @inlinable public static var ifRange: Self { Self(id: 40) }
    /// `If-Unmodified-Since`
    @inlinable public static var ifUnmodifiedSince: Self { Self(id: 41) }
    /// `Link`
    @inlinable public static var link: Self { Self(id: 42) }
    /// `Max-Forwards`
    @inlinable public static var maxForwards: Self { Self(id: 43) }
    /// `Proxy-Authenticate`
    @inlinable public static var proxyAuthenticate: Self { Self(id: 44) }
    /// `WWW-Authenticate`
    @inlinable public static var wwwAuthenticate: Self { Self(id: 45) }
    /// `Retry-After`
    @inlinable public static var retryAfter: Self { Self(id: 46) }
    /// `Strict-Transport-Security`
    @inlinable public static var strictTransportSecurity: Self { Self(id: 47) }
    /// `Traceparent`
    @inlinable public static var traceparent: Self { Self(id: 48) }
    /// `Tracestate`
    @inlinable public static var tracestate: Self { Self(id: 49) }
    /// `X-Forwarded-For`
    @inlinable public static var xForwardedFor: Self { Self(id: 50) }
    /// `X-Forwarded-Host`
    @inlinable public static var xForwardedHost: Self { Self(id: 51) }
    /// `X-Forwarded-Proto`
    @inlinable public static var xForwardedProto: Self { Self(id: 52) }
    /// `X-Real-IP`
    @inlinable public static var xRealIP: Self { Self(id: 53) }
    /// `X-Request-ID`
    @inlinable public static var xRequestID: Self { Self(id: 54) }
    /// `Trailer`
    @inlinable public static var trailer: Self { Self(id: 55) }
    /// `Connection`
    @inlinable public static var connection: Self { Self(id: 56) }
    /// `Expect`
    @inlinable public static var expect: Self { Self(id: 57) }
    /// `Keep-Alive`
    @inlinable public static var keepAlive: Self { Self(id: 58) }
    /// `Proxy-Connection`
    @inlinable public static var proxyConnection: Self { Self(id: 59) }
    /// `TE`
    @inlinable public static var te: Self { Self(id: 60) }
    /// `Transfer-Encoding`
    @inlinable public static var transferEncoding: Self { Self(id: 61) }
    /// `Upgrade`
    @inlinable public static var upgrade: Self { Self(id: 62) }
    /// `Sec-WebSocket-Accept`
    public static var secWebSocketAccept: Self { "Sec-WebSocket-Accept" }
    /// `Sec-WebSocket-Key`
    public static var secWebSocketKey: Self { "Sec-WebSocket-Key" }
}

/// The ids that codecs decide by. Constants rather than `FieldName`s, to switch over them.
enum FieldID {
    static let host: UInt8 = 1
    static let contentLength: UInt8 = 2
    static let date: UInt8 = 4
    static let cookie: UInt8 = 10
    static let setCookie: UInt8 = 11
    static let authorization: UInt8 = 12
    static let proxyAuthorization: UInt8 = 13
    static let via: UInt8 = 14
    static let trailer: UInt8 = 55
    static let connection: UInt8 = 56
    static let expect: UInt8 = 57
    static let keepAlive: UInt8 = 58
    static let proxyConnection: UInt8 = 59
    static let te: UInt8 = 60
    static let transferEncoding: UInt8 = 61
    static let upgrade: UInt8 = 62

    /// The last name that has a number in heads of protocol v1.
    static let lastInTable = trailer
}
