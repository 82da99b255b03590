namespace DistributedSockets.ClusterTests;

/// <summary>How to start a test node.</summary>
internal sealed record NodeSettings
{
    public required string Name { get; init; }

    /// <summary>Where Redis is, or <see langword="null"/> for a cluster of one.</summary>
    public string? Redis { get; init; }

    /// <summary>Arguments that say where other servers are, instead of <see cref="Redis"/>.</summary>
    public IReadOnlyList<string> Transport { get; init; } = [];

    /// <summary>A file with the password to sign in with.</summary>
    public string? RedisPasswordFile { get; init; }

    public string? Prefix { get; init; }

    /// <summary><c>interest</c> or <c>broadcast</c>; without it the node's default.</summary>
    public string? Routing { get; init; }

    public bool Http2 { get; init; }

    public bool Compression { get; init; }

    /// <summary>Whether what is sent to users and groups is logged.</summary>
    public bool Log { get; init; }

    /// <summary>How many seconds a request has for its headers; without it as many as the server gives.</summary>
    public int? HeadersTimeout { get; init; }

    /// <summary>How long the host may take to stop; without it 30 seconds.</summary>
    public TimeSpan? ShutdownTimeout { get; init; }

    /// <summary>The category of the log that tells more than warnings.</summary>
    public string? Talkative { get; init; }

    /// <summary>The directory in which each process notes what it tells of presence.</summary>
    public string? PresenceLog { get; init; }

    /// <summary>
    /// Whether the node waits long for Redis: a machine with more to do than processors must not be taken for a Redis that is away, where the test
    /// is about something else.
    /// </summary>
    public bool IsPatient { get; init; }

    /// <summary>Library options that differ from their defaults, by name.</summary>
    public IReadOnlyDictionary<string, string> Options { get; init; } = new Dictionary<string, string>();

    public IEnumerable<string> Arguments()
    {
        List<string> arguments = ["--name", Name, .. Redis is null ? Transport : ["--redis", Redis]];
        if (RedisPasswordFile is not null)
        {
            arguments.AddRange(["--redis-password-file", RedisPasswordFile]);
        }

        if (Prefix is not null)
        {
            arguments.AddRange(["--prefix", Prefix]);
        }

        if (Routing is not null)
        {
            arguments.AddRange(["--routing", Routing]);
        }

        if (Http2)
        {
            arguments.Add("--http2");
        }

        if (Compression)
        {
            arguments.Add("--compression");
        }

        if (Log)
        {
            arguments.Add("--log");
        }

        if (HeadersTimeout is { } seconds)
        {
            arguments.AddRange(["--headers-timeout", $"{seconds}"]);
        }

        return arguments;
    }

    /// <summary>The options as environment variables, from which the library's configuration section and the host's are read.</summary>
    public Dictionary<string, string> Environment()
    {
        var variables = Options.ToDictionary(option => $"DistributedWebSockets__{option.Key}", option => option.Value);
        if (IsPatient)
        {
            variables.Add("DistributedWebSockets__Redis__OperationTimeout", "00:00:20");
        }

        if (ShutdownTimeout is { } timeout)
        {
            variables["DOTNET_SHUTDOWNTIMEOUTSECONDS"] = $"{timeout.TotalSeconds:0}";
        }

        if (PresenceLog is not null)
        {
            variables["PresenceLog"] = PresenceLog;
        }

        if (Talkative is not null)
        {
            variables[$"Logging__LogLevel__{Talkative}"] = "Information";
        }

        return variables;
    }
}
