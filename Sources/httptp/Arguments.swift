/// What has to be said about a command line before its options are read.
enum Arguments {
    /// Options of the reference that this version does not have. Ignoring one could open what somebody means to close.
    static let notYet: Set<String> = [
        "autocertCacheDir", "autocertHostRegexp", "clientIPHeader", "expvarAddr", "inAllowIP", "inGetOnly",
        "inMaxBodySize", "inMaxHeaderSize", "inTLSCert", "inTLSKey", "inTLSSessionTicketKey", "logAllErrors",
        "outMaxHeaderSize", "reusePort",
    ]

    /// Why the command line cannot be accepted, if so.
    static func complaint(about arguments: [String]) -> String? {
        var seen: Set<String> = []
        var isValue = false
        for argument in arguments {
            if isValue {
                isValue = false
                continue
            }
            guard argument.hasPrefix("-"), argument != "-", argument != "--" else {
                return "\"\(argument)\" stands alone: every argument belongs to an option, as in -in 127.0.0.1:8080."
            }
            let name = argument.drop { $0 == "-" }.prefix { $0 != "=" }
            if self.notYet.contains(String(name)) {
                return "-\(name) is an option of the reference's httptp that this version does not have yet."
            }
            // A second value would silently replace the first.
            guard seen.insert(String(name)).inserted else { return "-\(name) is given twice." }
            isValue = !argument.contains("=") && name != "help" && name != "h" && name != "version"
        }
        return nil
    }
}
