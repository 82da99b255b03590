namespace DistributedSockets;

/// <summary>How a process holds the connections of one hub, and sends to them. Read once, at start.</summary>
/// <remarks>
/// <para>A hub begins with what <see cref="DistributedWebSocketsOptions"/> says for all hubs. The configuration section
/// <c>DistributedWebSockets:Hubs:{hub}</c> changes it for one hub, and <c>AddHub</c> wins over both. A list in that section takes the place
/// of the one for all hubs.</para>
/// <para>Every process that holds connections of a hub, or sends to them, has options of its own for it: whether a message is
/// compressed is up to the process that sends it, so workers need the same.</para>
/// </remarks>
public class HubOptions : HandshakeOptions
{
    /// <summary>Gets or sets how many connections one user may have in a hub, in the whole cluster. A handshake beyond it is answered with 429.</summary>
    /// <value>The default is 1,000,000, which is no limit; 1 to 1,000,000.</value>
    /// <remarks>
    /// Counted in the session store at each handshake, so those that come at the same moment may be let in together; while the store is
    /// away only those of this node count. A connection whose client vanished counts until its pings go unanswered.
    /// </remarks>
    [Between(1, 1_000_000)]
    public int MaxConnectionsPerUser { get; set; } = 1_000_000;

    /// <summary>Gets or sets which presence the hub keeps: whether the cluster finds out when users come and go, and who is in which group.</summary>
    /// <value>The default is <see cref="PresenceScope.None"/>: nothing is written, published or subscribed for it.</value>
    /// <remarks>
    /// Must be the same on all nodes that hold connections of the hub; those that differ are reported. Needs a session store that
    /// implements <see cref="IPresenceStore"/>, as all of this project do. <see cref="IPresenceObserver"/> is told of changes once in the
    /// cluster, and <see cref="IPresenceRoster"/> knows who is there, also in a process without connections that sets this.
    /// </remarks>
    public PresenceScope Presence { get; set; }

    /// <summary>Gets or sets whether the hub has a log, through which messages can go that must not be missed; see <see cref="SendOptions.IsLogged"/>.</summary>
    /// <value>
    /// The default is <see langword="false"/>: the hub has a log only if <see cref="LoggedGroups"/>, <see cref="LogUsers"/> or <see cref="LogAll"/> needs one, and
    /// else nothing is appended, subscribed or read for it.
    /// </value>
    /// <remarks>
    /// Must be the same, with all options of the log, on all nodes and workers of the hub; those that differ are reported. Needs a message log
    /// that all of them share, such as that of Redis or NATS.
    /// </remarks>
    public bool EnableLog { get; set; }

    /// <summary>Gets the groups to which what is sent is logged, unless a send says otherwise: names, or beginnings of names with <c>*</c> behind.</summary>
    /// <value>Empty by default; <c>*</c> alone means all groups.</value>
    /// <remarks>A send to several groups is logged if one of them is.</remarks>
    public IList<string> LoggedGroups { get; } = [];

    /// <summary>Gets or sets whether what is sent to users is logged, unless a send says otherwise.</summary>
    /// <value>The default is <see langword="false"/>.</value>
    public bool LogUsers { get; set; }

    /// <summary>Gets or sets whether what is sent to everyone is logged, unless a send says otherwise.</summary>
    /// <value>The default is <see langword="false"/>.</value>
    public bool LogAll { get; set; }

    /// <summary>Gets or sets how long the log keeps a message.</summary>
    /// <value>The default is 1 hour; 1 second to 31 days.</value>
    public TimeSpan LogMaxAge { get; set; } = TimeSpan.FromHours(1);

    /// <summary>Gets or sets how many messages the log keeps of each user, each group, each connection, and of those to everyone.</summary>
    /// <value>The default is 1,000; 1 to 1,000,000.</value>
    [Between(1, 1_000_000)]
    public int LogMaxEntriesPerTarget { get; set; } = 1_000;

    /// <summary>Gets or sets how many bytes the log keeps of each user, each group, each connection, and of those to everyone.</summary>
    /// <value>The default is 0, which is no limit; up to 1,099,511,627,776. The log of JetStream cannot count bytes and refuses any other value.</value>
    [Between(0, 1_099_511_627_776)]
    public long LogMaxBytesPerTarget { get; set; }

    /// <summary>Gets or sets for how long an <see cref="SendOptions.IdempotencyKey"/> is known at least.</summary>
    /// <value>The default is 5 minutes; 1 second to 31 days, and no longer than <see cref="LogMaxAge"/>.</value>
    public TimeSpan LogIdempotencyTime { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>Gets or sets whether clients may ask for the subprotocol <c>resume.v1.distributedsockets</c>, and so for sessions that outlive their connection and its node.</summary>
    /// <value>The default is <see langword="false"/>.</value>
    /// <remarks>Needs a log (<see cref="EnableLog"/>) that is an <see cref="ISessionRecordStore"/>, as all of this project are. Must be the same on all nodes of the hub.</remarks>
    public bool EnableResume { get; set; }

    /// <summary>Gets the subprotocols in which the hub itself speaks to clients. The first that a client asks for and that is among them is chosen, before any of <see cref="HandshakeOptions.SubProtocols"/>.</summary>
    /// <value>Empty by default. With <see cref="EnableResume"/> there is <c>resume.v1.distributedsockets</c> besides. The same on all nodes of the hub.</value>
    public IList<WebSocketProtocol> Protocols { get; } = [];

    /// <summary>Gets or sets the language of <see cref="SendOptions.Filter"/>.</summary>
    /// <value>None by default, and then no send may have a filter. The same on all nodes and senders of the hub.</value>
    public IRecipientFilterFactory? RecipientFilters { get; set; }

    /// <summary>Gets or sets for how long a session can be resumed whose client is away.</summary>
    /// <value>The default is 1 minute; 1 second to 1 day, and no longer than <see cref="LogMaxAge"/>.</value>
    /// <remarks>It ends without a window if the app closes its connection, or disconnects it while it is away, by its id. By its user, a group or all it is found only while its node still listens to their channel.</remarks>
    public TimeSpan ResumeWindow { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>Gets or sets whether a session counts for the presence of its user, and of its groups, while its client is away.</summary>
    /// <value>The default is <see langword="true"/>: who comes back within <see cref="ResumeWindow"/> was never gone, and who does not goes when the window ends.</value>
    /// <remarks>It is about <see cref="Presence"/> alone. The session directory lists a session that is away, in its groups, in either case.</remarks>
    public bool CountAwayAsPresent { get; set; } = true;

    /// <summary>Gets or sets how many numbered messages may be under way to the client of a session that has not acknowledged them; the others wait in the log.</summary>
    /// <value>The default is 1,000; 1 to 100,000.</value>
    [Between(1, 100_000)]
    public int MaxUnacknowledgedMessages { get; set; } = 1_000;

    /// <summary>Gets or sets how many bytes of numbered messages may be under way to the client of a session that has not acknowledged them; one is sent whatever its size.</summary>
    /// <value>The default is 16,777,216; 1,024 to 1,073,741,824.</value>
    [Between(1_024, 1_073_741_824)]
    public int MaxUnacknowledgedBytes { get; set; } = 16_777_216;

    /// <summary>Gets or sets for how long the client of a session may acknowledge nothing while numbered messages are under way to it. Then it is closed with 1008, and the session ends.</summary>
    /// <value>The default is 5 minutes; 1 second to 1 day, and no longer than <see cref="LogMaxAge"/>.</value>
    public TimeSpan AcknowledgementTimeout { get; set; } = TimeSpan.FromMinutes(5);

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

    /// <summary>Gets or sets whether a connection ends when its handler lets through that the backplane or the message log did not take what it sent.</summary>
    /// <value>
    /// The default is <see langword="false"/>: the exception is logged once in a while and counted, and the connection stays open. With
    /// <see langword="true"/> it is closed as for any other exception, with 1011, or with 1013 in <see cref="WebSocketHandler.OnConnectedAsync"/>.
    /// </value>
    /// <remarks>
    /// Unless it was a logged send, the receivers on this node were served by then. Whatever it is, the rest of that call of the handler does not run: join groups before
    /// you send, or catch <see cref="BackplaneUnavailableException"/> and <see cref="MessageLogUnavailableException"/>. Exceptions of joins, leaves and disconnects end the connection always.
    /// </remarks>
    public bool CloseOnSendFailure { get; set; }

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

    /// <summary>Gets or sets what finds the id of the question in a message that answers one; see <see cref="IWebSocketRouter.AskAsync"/>.</summary>
    /// <value>
    /// The default is <see langword="null"/>: clients cannot be asked. Else a function that returns the id which the client has repeated, or
    /// <see langword="null"/> if the message is no answer.
    /// </value>
    /// <remarks>
    /// Called where messages are read, with each message of a client that has questions to answer, and with no other; so it must not
    /// wait. The message is borrowed until it returns. If it throws, that is logged and the message goes to the handler. Set in code only.
    /// </remarks>
    public Func<WebSocketMessage, string?>? AnswerMatcher { get; set; }

    /// <summary>Gets or sets how many questions one client may have to answer at once; see <see cref="IWebSocketRouter.AskAsync"/>. Asking more fails.</summary>
    /// <value>The default is 16; 1 to 1,024.</value>
    [Between(1, 1_024)]
    public int MaxOpenQuestionsPerConnection { get; set; } = 16;

    /// <summary>Gets or sets how many messages of a client that has questions to answer may wait for its handler; beyond it nothing more is read.</summary>
    /// <value>The default is 64; 1 to 65,536.</value>
    /// <remarks>
    /// Without a question nothing is read while the handler is busy. An answer that stands behind more messages than this is found when the
    /// handler has taken some.
    /// </remarks>
    [Between(1, 65_536)]
    public int ReadAheadMessages { get; set; } = 64;

    /// <summary>Gets or sets how many bytes of messages of a client that has questions to answer may wait for its handler; beyond it nothing more is read.</summary>
    /// <value>The default is 262,144; 1,024 to 1,073,741,824. The last message that is read may exceed it.</value>
    [Between(1_024, 1_073_741_824)]
    public int ReadAheadBytes { get; set; } = 262_144;

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

    /// <summary>Gets or sets what happens to a connection whose outbound queue is full.</summary>
    /// <value>The default is <see cref="SlowConsumerPolicy.Close"/>.</value>
    public SlowConsumerPolicy SlowConsumerPolicy { get; set; }

    /// <summary>Gets or sets whether frames are written straight to the socket where nothing stands before it, instead of through the server's pipe.</summary>
    /// <value>The default is <see langword="true"/>.</value>
    /// <remarks>
    /// It saves about half of the CPU time of a broadcast. With TLS, HTTP/2, or connection middleware that wraps the transport, the pipe is used
    /// in either case. A connection is sent a ping when the library has to know whether the pipe is empty; to a client that does not answer
    /// it, everything goes through the pipe.
    /// </remarks>
    public bool DirectWrites { get; set; } = true;

    /// <summary>Gets or sets how long a connection may be silent before it is pinged.</summary>
    /// <value>The default is 15 seconds; 1 second to 1 hour.</value>
    public TimeSpan KeepAliveInterval { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>Gets or sets how long a client may take to answer a ping before its connection is ended.</summary>
    /// <value>The default is 20 seconds; 1 second to 1 hour.</value>
    /// <remarks>
    /// It counts from when the ping was written. A ping that waits behind a large frame is not late for as long as the client takes some of
    /// that frame within this time. The time that the handler takes is not counted, but a client that takes nothing of what is written to it
    /// is ended all the same.
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
}
