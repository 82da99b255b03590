namespace DistributedSockets;

/// <summary>What bounds this process as a whole, and what all of its hubs begin with. Bound from the configuration section <c>DistributedWebSockets</c>; read once, at start.</summary>
/// <remarks>
/// What it has from <see cref="HubOptions"/> is the default of every hub, and <c>AddHub</c> or the section <c>DistributedWebSockets:Hubs:{hub}</c>
/// changes it for one. All others hold for the process, and no hub can change them.
/// </remarks>
public sealed class DistributedWebSocketsOptions : HubOptions
{
    /// <summary>Gets or sets for how many sessions the log is read at once, to catch up; the others wait.</summary>
    /// <value>The default is 16; 1 to 1,024.</value>
    /// <remarks>While as many again wait, a client that wants to go on with a session is answered with 503 and <c>Retry-After</c>.</remarks>
    [Between(1, 1_024)]
    public int MaxReplays { get; set; } = 16;

    /// <summary>Gets or sets how many clients per second may go on with a session at this node. One beyond it is answered with 503 and <c>Retry-After</c>.</summary>
    /// <value>The default is 1,000; 1 to 1,000,000.</value>
    /// <remarks>
    /// Up to one second's worth may come at once. The clients of a lost node come back together; those who are told to wait are told different times, in turn and with some of
    /// chance, so that they come at this rate. A client that begins a new session does not count.
    /// </remarks>
    [Between(1, 1_000_000)]
    public int MaxResumesPerSecond { get; set; } = 1_000;

    /// <summary>Gets or sets how many sessions of this node may wait for clients that are away. Beyond it the one that has been away for longest ends, before its window does.</summary>
    /// <value>The default is 100,000; 1 to 16,777,216.</value>
    [Between(1, 16_777_216)]
    public int MaxAwaySessions { get; set; } = 100_000;

    /// <summary>Gets or sets how many sessions of one user may wait at this node, in each hub, for clients that are away. Beyond it the one of the user that has been away for longest ends.</summary>
    /// <value>The default is 100; 1 to 1,000,000. Sessions without a user count for <see cref="MaxAwaySessions"/> alone.</value>
    [Between(1, 1_000_000)]
    public int MaxAwaySessionsPerUser { get; set; } = 100;

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

    /// <summary>Gets or sets how many connections one address may have to this node. A handshake beyond it is answered with 429.</summary>
    /// <value>The default is 1,000,000, which is no limit; 1 to 1,000,000.</value>
    /// <remarks>
    /// The address of the request, so behind a proxy use ASP.NET Core's forwarded headers. Of an IPv6 address the first 64 bits count.
    /// Many users may share one address.
    /// </remarks>
    [Between(1, 1_000_000)]
    public int MaxConnectionsPerAddress { get; set; } = 1_000_000;

    /// <summary>Gets or sets how many bytes of frames may wait in this process, for all connections together.</summary>
    /// <value>The default is 536,870,912; 1,048,576 to 1,099,511,627,776.</value>
    /// <remarks>
    /// A frame that waits for many connections counts once. While more wait, a connection counts as full with 64 KiB in its queue, so
    /// that those who read slowly pay first, and those who keep up notice nothing.
    /// </remarks>
    [Between(1_048_576, 1_099_511_627_776)]
    public long MaxQueuedBytes { get; set; } = 536_870_912;

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

    /// <summary>Gets or sets how many questions to clients this process may have open, and how many other nodes may have open to clients of this one.</summary>
    /// <value>The default is 10,000; 1 to 1,000,000. Asking more fails.</value>
    [Between(1, 1_000_000)]
    public int MaxOpenQuestions { get; set; } = 10_000;

    /// <summary>Gets or sets over how long the connections are closed at shutdown. Shortened where the host's shutdown timeout leaves less.</summary>
    /// <value>The default is 20 seconds; 0 to 1 hour. Nodes with few connections take less: at least 1,000 are closed per second.</value>
    public TimeSpan DrainTimeout { get; set; } = TimeSpan.FromSeconds(20);

    /// <summary>Gets or sets the number of lanes that deliver what arrives from other nodes.</summary>
    /// <value>The default is the number of processors, at most 8; 1 to 64.</value>
    [Between(1, 64)]
    public int Lanes { get; set; } = Math.Clamp(Environment.ProcessorCount, 1, 8);

    /// <summary>Gets or sets how many envelopes may wait in one lane; more are dropped and reported as possible loss.</summary>
    /// <value>The default is 65,536; 16 to 1,048,576.</value>
    /// <remarks>Of the lanes of hubs' logs, too, where more are read from the log when there is room.</remarks>
    [Between(16, 1_048_576)]
    public int LaneCapacity { get; set; } = 65_536;

    /// <summary>Gets or sets how large an envelope may be, which carries a message, the names of its target and some 100 bytes.</summary>
    /// <value>The default is 16,777,216; 65,536 to 268,435,456. Redis cuts off a subscriber that more than 32 MiB wait for, unless told otherwise.</value>
    /// <remarks>
    /// A send through a router of a larger message throws <see cref="ArgumentException"/> before anything is sent, also where all receivers
    /// are on this node; a larger envelope of another node is dropped and reported as possible loss. Set it alike on all nodes and workers.
    /// What a handler sends to its own connection makes no envelope, and is bounded by <see cref="HubOptions.OutboundQueueBytes"/> only.
    /// </remarks>
    [Between(65_536, 268_435_456)]
    public int MaxEnvelopeBytes { get; set; } = 16_777_216;

    /// <summary>Gets or sets how many bytes of envelopes may wait in one lane; more are dropped and reported as possible loss.</summary>
    /// <value>The default is 67,108,864; 1,048,576 to 1,073,741,824. A single envelope waits whatever its size.</value>
    [Between(1_048_576, 1_073_741_824)]
    public int LaneBytes { get; set; } = 67_108_864;

    /// <summary>Gets the keys that seal envelopes, so that others who can reach the backplane neither read nor make nor repeat them.</summary>
    /// <value>Empty by default: envelopes are clear. Each is the base64 of 32 random bytes; at most 16.</value>
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
