import struct NIOCore.ByteBuffer

/// The sending half of a stream of flate, whichever library does it: what ``StreamCompressor`` asks for, of a class.
protocol FlateStreamEncoder: AnyObject {
    func compress(_ input: ByteBuffer, into output: inout ByteBuffer) throws(CompressionError)
    func reset()
    func release()
}
