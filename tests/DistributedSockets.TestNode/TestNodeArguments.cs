namespace DistributedSockets.TestNode;

/// <summary>What the command line says.</summary>
internal sealed record TestNodeArguments
{
    public const string Usage = """
        DistributedSockets.TestNode --port N [--redis HOST:PORT,…|none] [--name NODE] [--prefix P]
          --port N               listen on 127.0.0.1:N; 0 takes a free port, printed as "Listening on ADDRESS"
          --redis HOST:PORT,…    share a cluster over this Redis, or over several that know nothing of each other; or one connection
                                 string, with options; none (the default) is a cluster of one
          --redis-cluster HOST:PORT,…  share a cluster over the sharded pub/sub of this Redis Cluster, with sessions there too
          --nats HOST:PORT,…     messages over this NATS, over any of these servers; sessions over its JetStream unless --redis is there too
          --redis-password-file F  sign in to Redis with the password that this file holds by then
          --name NODE            the node's name
          --prefix P             the prefix of channels and keys
          --routing R            interest (the default) or broadcast
          --http2                speak HTTP/2 without TLS only
          --compression          negotiate permessage-deflate
          --log                  log what is sent to users and groups, answer requests for it, and take clients that resume their
                                 sessions (resume.v1.distributedsockets); all nodes need the same
          --headers-timeout N    give a request N seconds for its headers
          --until-stdin-closes   stop when standard input ends, so that no node outlives who started it
          --worker               hold no sockets and no web server; read commands from standard input, one JSON object a line
        """;

    public int Port { get; private set; }

    public string? Redis { get; private set; }

    /// <summary>The servers of <see cref="Redis"/>, if they are several.</summary>
    public string[] RedisServers => Redis is { } redis && redis.Contains(',') && !redis.Contains('=') ? redis.Split(',') : [];

    public string? RedisCluster { get; private set; }

    public string? Nats { get; private set; }

    public string? RedisPasswordFile { get; private set; }

    public string? Name { get; private set; }

    public string? Prefix { get; private set; }

    public RoutingStrategy Routing { get; private set; } = RoutingStrategy.Interest;

    public bool Http2 { get; private set; }

    public bool Compression { get; private set; }

    public bool Log { get; private set; }

    public TimeSpan? HeadersTimeout { get; private set; }

    public bool UntilStandardInputCloses { get; private set; }

    public bool Worker { get; private set; }

    /// <summary>Reads the command line.</summary>
    /// <exception cref="FormatException">It cannot be understood.</exception>
    public static TestNodeArguments Parse(ReadOnlySpan<string> args)
    {
        var parsed = new TestNodeArguments();
        for (var i = 0; i < args.Length; i++)
        {
            var option = args[i];
            switch (option)
            {
                case "--http2":
                    parsed.Http2 = true;
                    break;
                case "--compression":
                    parsed.Compression = true;
                    break;
                case "--log":
                    parsed.Log = true;
                    break;
                case "--until-stdin-closes":
                    parsed.UntilStandardInputCloses = true;
                    break;
                case "--worker":
                    parsed.Worker = true;
                    break;
                case "--port" or "--redis" or "--redis-cluster" or "--nats" or "--redis-password-file" or "--name" or "--prefix" or "--routing" or "--headers-timeout":
                    parsed.Set(option, ++i < args.Length ? args[i] : throw new FormatException($"{option} needs a value."));
                    break;
                default:
                    throw new FormatException($"There is no option {option}.");
            }
        }

        return parsed;
    }

    private void Set(string option, string value)
    {
        switch (option)
        {
            case "--port":
                Port = ushort.TryParse(value, out var port) ? port : throw new FormatException($"--port is {value}. Give a number from 0 to 65535.");
                break;
            case "--redis":
                Redis = value == "none" ? null : value;
                break;
            case "--headers-timeout":
                HeadersTimeout = ushort.TryParse(value, out var seconds) && seconds > 0
                    ? TimeSpan.FromSeconds(seconds)
                    : throw new FormatException($"--headers-timeout is {value}. Give a number of seconds from 1 to 65535.");
                break;
            case "--redis-cluster":
                RedisCluster = value;
                break;
            case "--nats":
                Nats = value;
                break;
            case "--redis-password-file":
                RedisPasswordFile = value;
                break;
            case "--routing":
                Routing = value switch
                {
                    "interest" => RoutingStrategy.Interest,
                    "broadcast" => RoutingStrategy.Broadcast,
                    _ => throw new FormatException($"--routing is {value}. Give interest or broadcast."),
                };
                break;
            case "--name":
                Name = value;
                break;
            default:
                Prefix = value;
                break;
        }
    }
}
