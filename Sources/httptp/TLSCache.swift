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

    private var servers: [Key: ServerTLS] = [:]
    private var clients: [Key: ClientTLS] = [:]
    private var used: Set<Key> = []

    mutating func server(
        _ key: Key, _ make: () throws(TransportError) -> ServerTLS
    ) throws(TransportError) -> ServerTLS {
        self.used.insert(key)
        if let known = self.servers[key] { return known }
        let tls = try make()
        self.servers[key] = tls
        return tls
    }

    mutating func client(
        _ key: Key, _ make: () throws(TransportError) -> ClientTLS
    ) throws(TransportError) -> ClientTLS {
        self.used.insert(key)
        if let known = self.clients[key] { return known }
        let tls = try make()
        self.clients[key] = tls
        return tls
    }

    /// Forgets what was not asked for since this was called last.
    mutating func dropUnused() {
        self.servers = self.servers.filter { self.used.contains($0.key) }
        self.clients = self.clients.filter { self.used.contains($0.key) }
        self.used = []
    }
}
