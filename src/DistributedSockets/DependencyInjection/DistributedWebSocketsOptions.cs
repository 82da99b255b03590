namespace DistributedSockets;

/// <summary>How this node holds its connections. Bound from the configuration section <c>DistributedWebSockets</c>; read once, at start.</summary>
public sealed class DistributedWebSocketsOptions
{
    /// <summary>Gets or sets the node's name for people; the node's id is this name and a random suffix.</summary>
    /// <value>The default is the machine's name; 1 to 64 letters, digits, hyphens or underscores.</value>
    public string NodeName { get; set; } = DefaultNodeName();

    /// <summary>Gets or sets how many connections this node holds at once. A handshake beyond it is answered with 503 and <c>Retry-After</c>.</summary>
    /// <value>The default is 1,000,000; 1 to 16,777,216.</value>
    /// <remarks>Set it to what the machine's memory and limit of open files can take, so that a node refuses what it could not serve.</remarks>
    [Between(1, 16_777_216)]
    public int MaxConnections { get; set; } = 1_000_000;

    /// <summary>Gets or sets how many handshakes this node takes per second. One beyond it is answered with 503 and <c>Retry-After</c>.</summary>
    /// <value>The default is 1,000,000; 1 to 1,000,000.</value>
    /// <remarks>
    /// Up to one second's worth may come at once. After a failure all clients of a node come back together; a limit lets those that are
    /// connected already be served meanwhile. Clients must try again after a while.
    /// </remarks>
    [Between(1, 1_000_000)]
    public int MaxHandshakesPerSecond { get; set; } = 1_000_000;

    /// <summary>Gets or sets how many connections one user may have in a hub, in the whole cluster. A handshake beyond it is answered with 429.</summary>
    /// <value>The default is 1,000,000, which is no limit; 1 to 1,000,000.</value>
    /// <remarks>
    /// Counted in the session store at each handshake, so those that come at the same moment may be let in together; while the store is
    /// away only those of this node count. A connection whose client vanished counts until its pings go unanswered.
    /// </remarks>
    [Between(1, 1_000_000)]
    public int MaxConnectionsPerUser { get; set; } = 1_000_000;

    /// <summary>Gets or sets how many connections one address may have to this node. A handshake beyond it is answered with 429.</summary>
    /// <value>The default is 1,000,000, which is no limit; 1 to 1,000,000.</value>
    /// <remarks>
    /// The address of the request, so behind a proxy use ASP.NET Core's forwarded headers. Of an IPv6 address the first 64 bits count.
    /// Many users may share one address.
    /// </remarks>
    [Between(1, 1_000_000)]
    public int MaxConnectionsPerAddress { get; set; } = 1_000_000;

    /// <summary>Gets or sets how long a connection may be open before it is closed with 1001, so that clients spread over the nodes anew.</summary>
    /// <value>The default is zero, which is for ever; up to 1 week. Up to a tenth less, by chance, so that connections of one moment do not end together.</value>
    public TimeSpan MaxConnectionAge { get; set; }

    /// <summary>Gets or sets whether a connection is closed with 1008 when the authentication ticket of its handshake runs out.</summary>
    /// <value>The default is <see langword="false"/>: the connection outlives its ticket.</value>
    /// <remarks>
    /// The time is that of the ticket's <c>ExpiresUtc</c>. <see cref="WebSocketConnection.AuthenticationExpiresAt"/> tells and changes it, as when
    /// a client has sent a new token.
    /// </remarks>
    public bool CloseOnAuthenticationExpiry { get; set; }

    /// <summary>Gets or sets for how long a connection may carry no message, in either direction, before it is closed with 1008.</summary>
    /// <value>
    /// The default is zero, which is for ever; else 1 second to 1 week. Never sooner, and later by at most half of the shortest of this,
    /// <see cref="MessageTimeout"/> and the keep-alive times.
    /// </value>
    /// <remarks>Pings and pongs do not count; a message that waits for the client does, and so does the time that the handler takes for one.</remarks>
    public TimeSpan IdleTimeout { get; set; }

    /// <summary>Gets or sets in how many groups one connection may be at once; joining more fails.</summary>
    /// <value>The default is 10,000; 1 to 1,000,000.</value>
    [Between(1, 1_000_000)]
    public int MaxGroupsPerConnection { get; set; } = 10_000;

    /// <summary>Gets or sets the longest message a client may send, in bytes; a longer one closes the connection with 1009.</summary>
    /// <value>The default is 65,536; 1 to 16,777,216.</value>
    [Between(1, 16_777_216)]
    public int MaxMessageBytes { get; set; } = 65_536;

    /// <summary>Gets or sets how long a client may take over one message, from its first byte to its last; a slower one closes the connection with 1008.</summary>
    /// <value>The default is 30 seconds; 1 second to 1 hour. Kept within a quarter of the shortest of this and the keep-alive times.</value>
    public TimeSpan MessageTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Gets or sets how many messages per second are taken from one client; <see cref="ReceiveRatePolicy"/> says what becomes of one that sends more.</summary>
    /// <value>The default is 1,000,000, which is no limit; 1 to 1,000,000. Up to a second's worth may come at once.</value>
    [Between(1, 1_000_000)]
    public int MaxMessagesPerSecond { get; set; } = 1_000_000;

    /// <summary>Gets or sets how many bytes of messages per second are taken from one client; <see cref="ReceiveRatePolicy"/> says what becomes of one that sends more.</summary>
    /// <value>The default is 1,073,741,824, which is no limit; 1,024 to 1,073,741,824. Up to a second's worth may come at once.</value>
    [Between(1_024, 1_073_741_824)]
    public int MaxReceivedBytesPerSecond { get; set; } = 1_073_741_824;

    /// <summary>Gets or sets what happens to a client that sends more per second than it may.</summary>
    /// <value>
    /// The default is <see cref="ReceiveRatePolicy.Pause"/>. With <see cref="ReceiveRatePolicy.Close"/> a second's bytes must hold one whole
    /// message, so <see cref="MaxReceivedBytesPerSecond"/> must be at least <see cref="MaxMessageBytes"/>.
    /// </value>
    public ReceiveRatePolicy ReceiveRatePolicy { get; set; }

    /// <summary>Gets or sets how many bytes of frames may wait for one connection.</summary>
    /// <value>The default is 16,777,216; 1,024 to 1,073,741,824.</value>
    /// <remarks>
    /// Frames are shared: a broadcast that waits for many connections is held once. A burst larger than this is more than a connection
    /// can take even if its client reads all the time.
    /// </remarks>
    [Between(1_024, 1_073_741_824)]
    public int OutboundQueueBytes { get; set; } = 16_777_216;

    /// <summary>Gets or sets how many frames may wait for one connection.</summary>
    /// <value>The default is 16,384; 1 to 1,048,576.</value>
    [Between(1, 1_048_576)]
    public int OutboundQueueFrames { get; set; } = 16_384;

    /// <summary>Gets or sets how many bytes of frames may wait in this process, for all connections together.</summary>
    /// <value>The default is 536,870,912; 1,048,576 to 1,099,511,627,776.</value>
    /// <remarks>
    /// A frame that waits for many connections counts once. While more wait, a connection counts as full with 64 KiB in its queue, so
    /// that those who read slowly pay first, and those who keep up notice nothing.
    /// </remarks>
    [Between(1_048_576, 1_099_511_627_776)]
    public long MaxQueuedBytes { get; set; } = 536_870_912;

    /// <summary>Gets or sets what happens to a connection whose outbound queue is full.</summary>
    /// <value>The default is <see cref="SlowConsumerPolicy.Close"/>.</value>
    public SlowConsumerPolicy SlowConsumerPolicy { get; set; }

    /// <summary>Gets the origins from which browsers may connect besides the request's own host; <c>*</c> allows any.</summary>
    /// <value>
    /// Empty by default. Each is <c>scheme://host[:port]</c> with any scheme, such as <c>https://app.example</c> or <c>capacitor://localhost</c>; case and
    /// a default port make no difference, and <c>wss</c> stands for <c>https</c>. What no client could send stops the start.
    /// </value>
    public IList<string> AllowedOrigins { get; } = [];

    /// <summary>Gets the subprotocols this node speaks, most wanted first; the first that the client offers is chosen.</summary>
    /// <value>Empty by default.</value>
    public IList<string> SubProtocols { get; } = [];

    /// <summary>Gets or sets how long a connection may be silent before it is pinged.</summary>
    /// <value>The default is 15 seconds; 1 second to 1 hour.</value>
    public TimeSpan KeepAliveInterval { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>Gets or sets how long a client may take to answer a ping before its connection is ended.</summary>
    /// <value>The default is 20 seconds; 1 second to 1 hour.</value>
    /// <remarks>
    /// It counts from when the ping was written. A ping that waits behind a large frame is not late for as long as the client takes some of
    /// that frame within this time.
    /// </remarks>
    public TimeSpan KeepAliveTimeout { get; set; } = TimeSpan.FromSeconds(20);

    /// <summary>Gets or sets how long a client may take to answer a close frame before the connection is cut.</summary>
    /// <value>The default is 5 seconds; 100 milliseconds to 1 minute.</value>
    public TimeSpan CloseTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Gets or sets whether permessage-deflate (RFC 7692) is negotiated with clients that offer it, for both directions.</summary>
    /// <value>
    /// The default is <see langword="false"/>: what clients send compressed costs memory per connection, and a message that holds a secret
    /// beside text of an attacker's choice leaks the secret through its length.
    /// </value>
    /// <remarks>
    /// What is sent is compressed once in the cluster, by the node that sends it; every connection that negotiated the extension gets the
    /// same bytes, the others the plain frame, as do clients that can hold only a smaller window than the usual one of 32 KiB. Switch it
    /// on at the nodes and at workers that only send. Between nodes both frames travel.
    /// </remarks>
    public bool EnableCompression { get; set; }

    /// <summary>Gets or sets from how many bytes of payload a message is compressed before it is sent, where compression is enabled.</summary>
    /// <value>The default is 256; 1 to 16,777,216.</value>
    /// <remarks>
    /// Every message is compressed by itself, and a short one has little to repeat: JSON of 100 bytes shrinks by about a fifth, of 256 by
    /// half, of 1,024 by two thirds. What becomes no smaller is sent as it is, at the cost of having tried.
    /// </remarks>
    [Between(1, 16_777_216)]
    public int CompressionThresholdBytes { get; set; } = 256;

    /// <summary>Gets or sets how often this node renews its lease.</summary>
    /// <value>The default is 5 seconds; 100 milliseconds to 5 minutes, and at most half of <see cref="LeaseExpiry"/>.</value>
    public TimeSpan HeartbeatInterval { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Gets or sets after how long without a renewal this node counts as lost.</summary>
    /// <value>The default is 15 seconds; 1 second to 1 hour.</value>
    public TimeSpan LeaseExpiry { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>Gets or sets how long a join, leave or disconnect waits for the connection's node, a join or handshake for a subscription, and a handshake for the session store.</summary>
    /// <value>The default is 5 seconds; 100 milliseconds to 5 minutes.</value>
    public TimeSpan RemoteCommandTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Gets or sets how long a channel stays subscribed after its last local member has gone.</summary>
    /// <value>The default is 30 seconds; 0 to 1 hour.</value>
    public TimeSpan UnsubscribeDelay { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Gets or sets over how long the connections are closed at shutdown. Shortened where the host's shutdown timeout leaves less.</summary>
    /// <value>The default is 20 seconds; 0 to 1 hour. Nodes with few connections take less: at least 1,000 are closed per second.</value>
    public TimeSpan DrainTimeout { get; set; } = TimeSpan.FromSeconds(20);

    /// <summary>Gets or sets the number of lanes that deliver what arrives from other nodes.</summary>
    /// <value>The default is the number of processors, at most 8; 1 to 64.</value>
    [Between(1, 64)]
    public int Lanes { get; set; } = Math.Clamp(Environment.ProcessorCount, 1, 8);

    /// <summary>Gets or sets how many envelopes may wait in one lane; more are dropped and reported as possible loss.</summary>
    /// <value>The default is 65,536; 16 to 1,048,576.</value>
    [Between(16, 1_048_576)]
    public int LaneCapacity { get; set; } = 65_536;

    /// <summary>Gets or sets how large an envelope may be, which carries a message, the names of its target and some 100 bytes.</summary>
    /// <value>The default is 16,777,216; 65,536 to 268,435,456. Redis cuts off a subscriber that more than 32 MiB wait for, unless told otherwise.</value>
    /// <remarks>
    /// A send through a router of a larger message throws <see cref="ArgumentException"/> before anything is sent, also where all receivers
    /// are on this node; a larger envelope of another node is dropped and reported as possible loss. Set it alike on all nodes and workers.
    /// What a handler sends to its own connection makes no envelope, and is bounded by <see cref="OutboundQueueBytes"/> only.
    /// </remarks>
    [Between(65_536, 268_435_456)]
    public int MaxEnvelopeBytes { get; set; } = 16_777_216;

    /// <summary>Gets or sets how many bytes of envelopes may wait in one lane; more are dropped and reported as possible loss.</summary>
    /// <value>The default is 67,108,864; 1,048,576 to 1,073,741,824. A single envelope waits whatever its size.</value>
    [Between(1_048_576, 1_073_741_824)]
    public int LaneBytes { get; set; } = 67_108_864;

    /// <summary>Gets the keys that seal envelopes, so that others who can reach the backplane neither read nor make nor repeat them.</summary>
    /// <value>Empty by default: envelopes are plain. Each is the base64 of 32 random bytes; at most 16.</value>
    /// <remarks>
    /// The first seals, all of them open. Nodes and workers of a cluster must have the same; to change them, add the new one at the end
    /// everywhere, then move it to the front everywhere, then remove the old one. They are secrets: keep them where your other secrets are.
    /// </remarks>
    public IList<string> EnvelopeKeys { get; } = [];

    /// <summary>Gets or sets how old the first sealed envelope that this node takes of another may be, and how far ahead of this node's clock.</summary>
    /// <value>The default is 5 minutes; 1 second to 1 day.</value>
    /// <remarks>
    /// Nodes whose clocks differ by more do not hear each other if they start so; those that know each other do not mind. It is also
    /// for how long a recorded envelope can be played to a node that has just started.
    /// </remarks>
    public TimeSpan EnvelopeMaxAge { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>Gets or sets how many session changes may wait for the session store; beyond it all sessions are written again later.</summary>
    /// <value>The default is 65,536; 16 to 1,048,576.</value>
    /// <remarks>As many again may be on their way to the store, or waiting to be tried again.</remarks>
    [Between(16, 1_048_576)]
    public int PendingSessionChanges { get; set; } = 65_536;

    /// <summary>Gets or sets how many bytes the session changes may take that wait for the session store; beyond it all sessions are written again later.</summary>
    /// <value>The default is 67,108,864 (64 MiB); 65,536 to 1,073,741,824.</value>
    /// <remarks>As many again may be on their way to the store, or waiting to be tried again. A change of a group is small, and a session that ends has all of its groups.</remarks>
    [Between(65_536, 1_073_741_824)]
    public int PendingSessionBytes { get; set; } = 67_108_864;

    private static string DefaultNodeName()
    {
        var name = new string([.. Environment.MachineName.Where(static c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_').Take(64)]);
        return name.Length == 0 ? "node" : name;
    }
}
