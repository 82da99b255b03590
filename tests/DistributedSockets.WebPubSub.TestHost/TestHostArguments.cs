using System.Globalization;

namespace DistributedSockets.WebPubSub.TestHost;

/// <summary>What the command line says.</summary>
internal sealed record TestHostArguments
{
    public const string Usage = """
        DistributedSockets.WebPubSub.TestHost --port N --redis HOST:PORT --key ACCESS_KEY --window SECONDS
          --port N               listen on this port of loopback; 0 takes a free one, printed as "Listening on ADDRESS"
          --redis HOST:PORT      share a cluster over this Redis
          --nats URL             share a cluster over this NATS with JetStream, instead of Redis; with neither it is a cluster of one
          --key ACCESS_KEY       the access key
          --window SECONDS       for how long a session can be recovered
          --webhook URL          have this address told of connect, connected and disconnected, and of the events that have no handler here
          --prefix P             the prefix of channels and keys
          --until-stdin-closes   stop when standard input ends, so that no host outlives who started it
        The hubs are conformance and conformance2. Anonymous clients may connect. The event echo is answered with its data, silent
        succeeds without an answer, and boom fails.
        """;

    public int Port { get; private set; }

    public string? Redis { get; private set; }

    public string? Nats { get; private set; }

    public string Key { get; private set; } = "";

    public TimeSpan Window { get; private set; } = TimeSpan.FromSeconds(30);

    public string? Webhook { get; private set; }

    public string? Prefix { get; private set; }

    public bool UntilStandardInputCloses { get; private set; }

    /// <summary>Reads the command line.</summary>
    /// <exception cref="FormatException">It cannot be understood.</exception>
    public static TestHostArguments Parse(ReadOnlySpan<string> args)
    {
        var parsed = new TestHostArguments();
        for (var i = 0; i < args.Length; i++)
        {
            if (args[i] == "--until-stdin-closes")
            {
                parsed.UntilStandardInputCloses = true;
            }
            else
            {
                var option = args[i];
                parsed.Set(option, ++i < args.Length ? args[i] : throw new FormatException($"{option} needs a value."));
            }
        }

        return parsed.Key.Length > 0 ? parsed : throw new FormatException("--key is missing.");
    }

    private void Set(string option, string value)
    {
        switch (option)
        {
            case "--port":
                Port = ushort.TryParse(value, CultureInfo.InvariantCulture, out var port) ? port : throw new FormatException($"--port is {value}. Give a number from 0 to 65535.");
                break;
            case "--redis":
                Redis = value;
                break;
            case "--nats":
                Nats = value;
                break;
            case "--key":
                Key = value;
                break;
            case "--window":
                Window = double.TryParse(value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds) && seconds is >= 1 and <= 86_400
                    ? TimeSpan.FromSeconds(seconds)
                    : throw new FormatException($"--window is {value}. Give seconds, 1 to 86400.");
                break;
            case "--webhook":
                Webhook = value;
                break;
            case "--prefix":
                Prefix = value;
                break;
            default:
                throw new FormatException($"There is no option {option}.");
        }
    }
}
