import Foundation
import Teleport

/// What was made of certificate files: the same value for as long as the files and what is asked of them are the same, so
/// that a reload changes only what has changed.
struct TLSCache {
    /// What a value depends on.
    struct Key: Hashable {
        let texts: [String]
        let contents: [Data?]

        init(texts: [String], files: [String]) {
            self.texts = texts + files
            self.contents = files.map { FileManager.default.contents(atPath: $0) }
        }
    }

    /// Values of one kind.
    struct Kept<Value> {
        private var values: [Key: Value] = [:]
        private var used: Set<Key> = []

        /// The value for `key`, made if there is none.
        mutating func value(
            _ key: Key, _ make: () throws(TransportError) -> Value
        ) throws(TransportError) -> Value {
            self.used.insert(key)
            if let known = self.values[key] { return known }
            let value = try make()
            self.values[key] = value
            return value
        }

        fileprivate mutating func dropUnused() {
            self.values = self.values.filter { self.used.contains($0.key) }
            self.used = []
        }
    }

    var servers = Kept<ServerTLS>()
    var clients = Kept<ClientTLS>()

    /// Forgets what was not asked for since this was called last.
    mutating func dropUnused() {
        self.servers.dropUnused()
        self.clients.dropUnused()
    }
}
