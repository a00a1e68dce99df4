// One import is enough for a user of the façades.
@_exported import TeleportEndpoint
@_exported import TeleportHTTP
@_exported import TeleportTransport
