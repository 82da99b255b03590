namespace DistributedSockets.WebPubSub;

/// <summary>How a process serves the clients and the REST interface of Web PubSub. Read once, at start; must be the same on all nodes.</summary>
/// <remarks>The configuration section <c>DistributedWebSockets:WebPubSub</c> sets them too; code wins.</remarks>
public sealed class WebPubSubOptions
{
    /// <summary>Gets or sets the access key, with which tokens of clients and of the REST interface are signed (HS256). Its UTF-8 bytes are the key; it is not decoded.</summary>
    /// <value>None by default; needed. 16 to 512 bytes.</value>
    public string? AccessKey { get; set; }

    /// <summary>Gets or sets a second access key, whose tokens are accepted too. To change keys, put the new one here, change all who sign, then make it <see cref="AccessKey"/>.</summary>
    /// <value>None by default. 16 to 512 bytes.</value>
    public string? SecondaryAccessKey { get; set; }

    /// <summary>Gets the hubs that are served.</summary>
    /// <value>Empty by default; at least one is needed. Each is 1 to 64 letters, digits, dots or underscores, of which the first is a letter; case makes no difference.</value>
    public IList<string> Hubs { get; } = [];

    /// <summary>Gets the origins by which clients and callers know this app, such as <c>https://ws.example.com</c>: the audience of a token must begin with one of them.</summary>
    /// <value>Empty by default: the audience must name the scheme and host of the request itself.</value>
    /// <remarks>Needed where a proxy stands in front and the app does not read its forwarded headers.</remarks>
    public IList<string> PublicOrigins { get; } = [];

    /// <summary>Gets or sets whether a client without a token may connect: without a user, and with no permission.</summary>
    /// <value>The default is <see langword="false"/>: it is refused with 401.</value>
    public bool AllowAnonymousClients { get; set; }

    /// <summary>Gets or sets for how long a client of a reliable subprotocol may be away and still come back to its session.</summary>
    /// <value>The default is 30 seconds, for which the official clients try; 1 second to 1 day.</value>
    public TimeSpan RecoveryWindow { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Gets or sets the longest message that a client may send, in bytes. A longer one closes the connection with 1009.</summary>
    /// <value>The default is 1,048,576; 1,024 to 16,777,216.</value>
    public int MaxMessageBytes { get; set; } = 1_048_576;

    /// <summary>Gets or sets how many messages may be under way to a client of a reliable subprotocol that has not acknowledged them.</summary>
    /// <value>The default is 1,000; 1 to 100,000. The official clients acknowledge once in a second.</value>
    public int MaxUnacknowledgedMessages { get; set; } = 1_000;

    /// <summary>Gets or sets how many bytes of messages may be under way to a client of a reliable subprotocol that has not acknowledged them.</summary>
    /// <value>The default is 16,777,216; 1,024 to 1,073,741,824.</value>
    public int MaxUnacknowledgedBytes { get; set; } = 16_777_216;

    /// <summary>Gets or sets how long a handler of the app may take for an event, or for the handshake of a client. Then the client is told that it failed.</summary>
    /// <value>The default is 30 seconds; 100 milliseconds to 5 minutes.</value>
    public TimeSpan HandlerTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Gets the webhooks: HTTP servers that are told what clients do. The first that wants an event gets it; handlers of the app come before all of them.</summary>
    /// <value>Empty by default. In configuration an item may be written as its address alone.</value>
    public IList<WebPubSubWebhook> Webhooks { get; } = [];
}
