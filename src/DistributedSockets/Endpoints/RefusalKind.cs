namespace DistributedSockets;

/// <summary>What a handshake is refused for. Each kind has its own place in the log, so that many of one do not hide another.</summary>
internal enum RefusalKind
{
    /// <summary>The app said no.</summary>
    App,

    /// <summary>Something before the endpoint said no, such as authorization.</summary>
    Middleware,

    /// <summary>It is no handshake any more, since a proxy has taken headers off it.</summary>
    Headers,

    /// <summary>The page is of a foreign origin.</summary>
    Origin,

    /// <summary>The user's id is no valid name.</summary>
    UserId,

    /// <summary>The client speaks none of the subprotocols.</summary>
    SubProtocol,

    /// <summary>The transport refuses a channel of one of its groups.</summary>
    Groups,

    /// <summary>The node shuts down.</summary>
    Draining,

    /// <summary>The node holds as many connections as it may.</summary>
    MaxConnections,

    /// <summary>The node takes as many handshakes per second as it may.</summary>
    MaxHandshakes,

    /// <summary>The node takes up as many sessions as it may.</summary>
    MaxResumes,

    /// <summary>The address holds as many connections as it may.</summary>
    MaxPerAddress,

    /// <summary>The user holds as many connections as they may.</summary>
    MaxPerUser,

    /// <summary>The server could not answer.</summary>
    Server,
}
