import Foundation
import NIOCore
import Teleport

/// How the program ends when it cannot do what it was asked to: one message on standard error, and a code that says whose
/// mistake it was.
struct Failure {
    let message: String
    let code: Int32

    init(_ error: any Error) {
        switch error {
        case let misuse as Misuse:
            self.message = misuse.description
            self.code = EX_USAGE
        case let mistake as ConfigurationMistake:
            self.message = mistake.description
            self.code = EX_CONFIG
        case let failure as TransportError:
            self.message = Self.sentence(failure)
            self.code = EXIT_FAILURE
        default:
            self.message = "\(error)"
            self.code = EXIT_FAILURE
        }
    }

    /// What failed and why, in one sentence, and what to do if that is not plain.
    private static func sentence(_ failure: TransportError) -> String {
        let what = failure.message.hasSuffix(".") ? failure.message.dropLast() : failure.message[...]
        switch failure.cause {
        case let error as IOError:
            let hint = Self.hint(error.errnoCode, isPath: what.contains(" unix:"))
            return "\(what): \(String(cString: strerror(error.errnoCode))).\(hint)"
        case is SocketAddressError, is SocketAddressError.UnknownHost:
            return "\(what): nobody knows that name. Choose another one, or write an IP address."
        default:
            return failure.message
        }
    }

    /// What to do about an address that cannot be listened at.
    private static func hint(_ code: Int32, isPath: Bool) -> String {
        switch code {
        case EADDRINUSE: " Stop the process that listens there, or choose another address."
        case EACCES where !isPath:
            " Choose a port from 1024 on, or have systemd open this one (Examples/systemd); lower ones are for root."
        case EADDRNOTAVAIL: " Write an address of this machine, or :PORT for all that it has."
        case ENOENT where isPath: " Make the folder first, or choose another one."
        default: ""
        }
    }

    func exit() -> Never {
        FileHandle.standardError.write(Data("\(About.name): \(self.message)\n".utf8))
        Foundation.exit(self.code)
    }
}
