// TeleportHTTP alone: reads HTTP/1.1 requests from standard input, strictly, and says what they are.
//
//     printf 'POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi' | swift run HeadInspector

import NIOCore
import TeleportHTTP

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

var decoder = RequestDecoder(profile: .http1)
var received = ByteBuffer()
var chunk = [UInt8](repeating: 0, count: 4096)

reading: while true {
    let count = read(STDIN_FILENO, &chunk, chunk.count)
    guard count > 0 else { break }
    received.writeBytes(chunk[..<count])
    do throws(HTTPError) {
        while let message = try decoder.nextMessage(from: &received) {
            switch message {
            case .request(let request):
                print("\(request.method) \(request.target), \(request.body.count ?? 0) bytes of body")
                for (name, value) in request.fields { print("    \(name): \(value)") }
            case .refused(let error):
                print("refused with \(error.status), the connection goes on: \(error.message)")
            }
        }
    } catch {
        print("refused with \(error.status), the connection ends: \(error.message)")
        break reading
    }
}
