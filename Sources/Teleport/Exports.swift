// One import is enough for a user of the façades.
@_exported import TeleportCompress
@_exported import TeleportEndpoint
@_exported import TeleportHTTP
@_exported import TeleportRPC
@_exported import TeleportTransport
@_exported import TeleportWire
