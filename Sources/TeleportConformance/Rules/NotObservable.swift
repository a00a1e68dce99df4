/// Rules that no check looks at, and why not. Every other rule of the specifications has at least one.
public enum NotObservable {
    public static let reasons: [String: String] = [
        "V0-35": "no request makes every server's handler fail",
        "V0-40": "TLV messages go with a magic that two ends agree on; the tool tests peers of HTTP",
        "V0-41": "TLV messages go with a magic that two ends agree on; the tool tests peers of HTTP",
        "V0-42": "TLV messages go with a magic that two ends agree on; the tool tests peers of HTTP",
        "V0-50": "what a caller is told stays within the client; that its id stays taken is V0-9",
        "V0-56": "how long a client waits between attempts is configured",
        "V0-57": "it takes a thousand calls that are given up",
        "V0-58": "a client that shuts down cannot be told from one that has nothing to do",
        "V1-20": "a recommendation about cost: every way to fill blocks is allowed",
        "V1-55": "how long a connection lives is configured; how it ends is V1-51",
        "V1-69": "takes an intermediary and both ends of it; tests of the proxy look at it",
    ]
}
