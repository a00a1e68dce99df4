/// The names that have an id of their own. The id of a name is its place here; 0 stands for every other name.
///
/// 63 names, so that a set of them fits one 64-bit word. An id never reaches the wire.
extension FieldName {
    static let spellings: [StaticString] = [
        "",
        "Host", "Content-Length", "Transfer-Encoding", "Connection", "Content-Type", "Date", "Server", "User-Agent",
        "Expect", "TE", "Trailer", "Upgrade", "Keep-Alive", "Proxy-Connection", "Via", "Cookie", "Set-Cookie",
        "Authorization", "Proxy-Authorization", "Proxy-Authenticate", "WWW-Authenticate", "Location", "Retry-After",
        "Accept", "Accept-Encoding", "Accept-Language", "Accept-Ranges", "Access-Control-Allow-Origin", "Age",
        "Allow", "Alt-Svc", "Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language",
        "Content-Location", "Content-Range", "ETag", "Expires", "Forwarded", "From", "If-Match", "If-Modified-Since",
        "If-None-Match", "If-Range", "If-Unmodified-Since", "Last-Modified", "Link", "Max-Forwards", "Origin",
        "Pragma", "Range", "Referer", "Sec-WebSocket-Accept", "Sec-WebSocket-Key", "Strict-Transport-Security",
        "Traceparent", "Vary", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP",
        "X-Request-ID",
    ]

    /// `Host`
    @inlinable public static var host: Self { Self(id: 1) }
    /// `Content-Length`
    @inlinable public static var contentLength: Self { Self(id: 2) }
    /// `Transfer-Encoding`
    @inlinable public static var transferEncoding: Self { Self(id: 3) }
    /// `Connection`
    @inlinable public static var connection: Self { Self(id: 4) }
    /// `Content-Type`
    @inlinable public static var contentType: Self { Self(id: 5) }
    /// `Date`
    @inlinable public static var date: Self { Self(id: 6) }
    /// `Server`
    @inlinable public static var server: Self { Self(id: 7) }
    /// `User-Agent`
    @inlinable public static var userAgent: Self { Self(id: 8) }
    /// `Expect`
    @inlinable public static var expect: Self { Self(id: 9) }
    /// `TE`
    @inlinable public static var te: Self { Self(id: 10) }
    /// `Trailer`
    @inlinable public static var trailer: Self { Self(id: 11) }
    /// `Upgrade`
    @inlinable public static var upgrade: Self { Self(id: 12) }
    /// `Keep-Alive`
    @inlinable public static var keepAlive: Self { Self(id: 13) }
    /// `Proxy-Connection`
    @inlinable public static var proxyConnection: Self { Self(id: 14) }
    /// `Via`
    @inlinable public static var via: Self { Self(id: 15) }
    /// `Cookie`
    @inlinable public static var cookie: Self { Self(id: 16) }
    /// `Set-Cookie`
    @inlinable public static var setCookie: Self { Self(id: 17) }
    /// `Authorization`
    @inlinable public static var authorization: Self { Self(id: 18) }
    /// `Proxy-Authorization`
    @inlinable public static var proxyAuthorization: Self { Self(id: 19) }
    /// `Proxy-Authenticate`
    @inlinable public static var proxyAuthenticate: Self { Self(id: 20) }
    /// `WWW-Authenticate`
    @inlinable public static var wwwAuthenticate: Self { Self(id: 21) }
    /// `Location`
    @inlinable public static var location: Self { Self(id: 22) }
    /// `Retry-After`
    @inlinable public static var retryAfter: Self { Self(id: 23) }
    /// `Accept`
    @inlinable public static var accept: Self { Self(id: 24) }
    /// `Accept-Encoding`
    @inlinable public static var acceptEncoding: Self { Self(id: 25) }
    /// `Accept-Language`
    @inlinable public static var acceptLanguage: Self { Self(id: 26) }
    /// `Accept-Ranges`
    @inlinable public static var acceptRanges: Self { Self(id: 27) }
    /// `Access-Control-Allow-Origin`
    @inlinable public static var accessControlAllowOrigin: Self { Self(id: 28) }
    /// `Age`
    @inlinable public static var age: Self { Self(id: 29) }
    /// `Allow`
    @inlinable public static var allow: Self { Self(id: 30) }
    /// `Alt-Svc`
    @inlinable public static var altSvc: Self { Self(id: 31) }
    /// `Cache-Control`
    @inlinable public static var cacheControl: Self { Self(id: 32) }
    /// `Content-Disposition`
    @inlinable public static var contentDisposition: Self { Self(id: 33) }
    /// `Content-Encoding`
    @inlinable public static var contentEncoding: Self { Self(id: 34) }
    /// `Content-Language`
    @inlinable public static var contentLanguage: Self { Self(id: 35) }
    /// `Content-Location`
    @inlinable public static var contentLocation: Self { Self(id: 36) }
    /// `Content-Range`
    @inlinable public static var contentRange: Self { Self(id: 37) }
    /// `ETag`
    @inlinable public static var eTag: Self { Self(id: 38) }
    /// `Expires`
    @inlinable public static var expires: Self { Self(id: 39) }
    /// `Forwarded`
    @inlinable public static var forwarded: Self { Self(id: 40) }
    /// `From`
    @inlinable public static var from: Self { Self(id: 41) }
    /// `If-Match`
    @inlinable public static var ifMatch: Self { Self(id: 42) }
    /// `If-Modified-Since`
    @inlinable public static var ifModifiedSince: Self { Self(id: 43) }
    /// `If-None-Match`
    @inlinable public static var ifNoneMatch: Self { Self(id: 44) }
    /// `If-Range`
    @inlinable public static var ifRange: Self { Self(id: 45) }
    /// `If-Unmodified-Since`
    @inlinable public static var ifUnmodifiedSince: Self { Self(id: 46) }
    /// `Last-Modified`
    @inlinable public static var lastModified: Self { Self(id: 47) }
    /// `Link`
    @inlinable public static var link: Self { Self(id: 48) }
    /// `Max-Forwards`
    @inlinable public static var maxForwards: Self { Self(id: 49) }
    /// `Origin`
    @inlinable public static var origin: Self { Self(id: 50) }
    /// `Pragma`
    @inlinable public static var pragma: Self { Self(id: 51) }
    /// `Range`
    @inlinable public static var range: Self { Self(id: 52) }
    /// `Referer`
    @inlinable public static var referer: Self { Self(id: 53) }
    /// `Sec-WebSocket-Accept`
    @inlinable public static var secWebSocketAccept: Self { Self(id: 54) }
    /// `Sec-WebSocket-Key`
    @inlinable public static var secWebSocketKey: Self { Self(id: 55) }
    /// `Strict-Transport-Security`
    @inlinable public static var strictTransportSecurity: Self { Self(id: 56) }
    /// `Traceparent`
    @inlinable public static var traceparent: Self { Self(id: 57) }
    /// `Vary`
    @inlinable public static var vary: Self { Self(id: 58) }
    /// `X-Forwarded-For`
    @inlinable public static var xForwardedFor: Self { Self(id: 59) }
    /// `X-Forwarded-Host`
    @inlinable public static var xForwardedHost: Self { Self(id: 60) }
    /// `X-Forwarded-Proto`
    @inlinable public static var xForwardedProto: Self { Self(id: 61) }
    /// `X-Real-IP`
    @inlinable public static var xRealIP: Self { Self(id: 62) }
    /// `X-Request-ID`
    @inlinable public static var xRequestID: Self { Self(id: 63) }
}

/// The ids that codecs decide by. Constants rather than `FieldName`s, to switch over them.
enum FieldID {
    static let host: UInt8 = 1
    static let contentLength: UInt8 = 2
    static let transferEncoding: UInt8 = 3
    static let connection: UInt8 = 4
    static let date: UInt8 = 6
    static let expect: UInt8 = 9
    static let te: UInt8 = 10
    static let trailer: UInt8 = 11
    static let upgrade: UInt8 = 12
    static let keepAlive: UInt8 = 13
    static let proxyConnection: UInt8 = 14
    static let cookie: UInt8 = 16
    static let setCookie: UInt8 = 17
    static let authorization: UInt8 = 18
    static let proxyAuthorization: UInt8 = 19
}
