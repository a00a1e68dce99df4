import HTTPTypes
import TeleportHTTP

/// A file of its own, because `HTTPTypes` has names that tests of `HTTPError` would have to tell apart.
enum HTTPRequestFixture {
    static func inexpressible() throws {
        _ = try RequestHead(HTTPRequest(method: .get, scheme: "http", authority: "a", path: nil))
    }
}
