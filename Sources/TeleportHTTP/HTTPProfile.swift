/// Which stream a decoder reads: an ordinary HTTP/1.1 connection, or the messages inside a teleport connection (v0).
///
/// The grammar is the same. What differs is what surrounds a message: on a teleport stream nobody can answer
/// `100 (Continue)`, nothing ends with the connection, and an id stands before every message.
public enum HTTPProfile: Hashable, Sendable {
    /// A connection of its own. One empty line before a request is skipped; `Expect` and `Upgrade` are left to the
    /// caller; the body of a response may end with the connection.
    case http1
    /// A v0 teleport stream. No empty line may come first; the body always follows a request that says `Expect`, and
    /// the fields `Expect` and `Upgrade` are dropped from its head; a response must say how long its body is.
    case teleport
}
