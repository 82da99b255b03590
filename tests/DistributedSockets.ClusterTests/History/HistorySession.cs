using System.Globalization;
using System.Net.WebSockets;

namespace DistributedSockets.ClusterTests;

/// <summary>What a client of <c>resume.v1.distributedsockets</c> knows of its session, to go on with it at any node.</summary>
internal sealed class HistorySession
{
    private const string Protocol = "resume.v1.distributedsockets";

    private string _id = "";
    private string _token = "";
    private long _acknowledged;
    private (long Number, int Connection) _gap = (-1, 0); // of which it was told last

    /// <summary>What the history knows of it; nothing before it is in all its groups.</summary>
    public HistoryReceiver? Self { get; set; }

    /// <summary>The last number that it has.</summary>
    public long Number { get; private set; }

    /// <summary>Has a handshake ask for the session, or for a new one.</summary>
    public void Offer(ClientWebSocketOptions options)
    {
        options.AddSubProtocol(Protocol);
        if (Self is not null)
        {
            options.AddSubProtocol(string.Create(CultureInfo.InvariantCulture, $"resume.{_id}.{_token}.{Number}"));
        }
    }

    /// <summary>Takes what a node says first; false if it is another session than the one that was asked for.</summary>
    public bool TryBegin(string line)
    {
        var words = line.TrimEnd('\n').Split(' ');
        if (words.Length != 4 || words[0] != "s")
        {
            throw new InvalidOperationException($"A session begins with '{line}'.");
        }

        var goesOn = words[1] == _id && Self is not null;
        (_id, _token) = (words[1], words[2]);
        if (!goesOn)
        {
            (Self, Number, _acknowledged, _gap) = (null, 0, 0, (-1, 0));
        }

        return goesOn;
    }

    /// <summary>Takes a message apart: the app's part, and its number if it has one. The subprotocol's own are no message, but may be a gap.</summary>
    public string? Read(string message, out long number, out bool isGap)
    {
        number = 0;
        isGap = message == "g\n";
        var end = message.IndexOf('\n', StringComparison.Ordinal);
        if (message.StartsWith("m ", StringComparison.Ordinal))
        {
            number = Number = long.Parse(message.AsSpan(2, end - 2), CultureInfo.InvariantCulture);
        }
        else if (!message.StartsWith("u\n", StringComparison.Ordinal))
        {
            return null;
        }

        return message[(end + 1)..];
    }

    /// <summary>Whether a gap is another one than that of which it was told last: behind another number, or told a second time to one connection. What the last connection was told it is told again.</summary>
    /// <param name="connection">Which of its connections has heard of it.</param>
    public bool IsNews(int connection)
    {
        var (number, heard) = _gap;
        _gap = (Number, connection);
        return number != Number || heard == connection;
    }

    /// <summary>What it has to say to acknowledge all that it has, if there is something.</summary>
    public string? Acknowledge()
    {
        if (Number == _acknowledged)
        {
            return null;
        }

        _acknowledged = Number;
        return string.Create(CultureInfo.InvariantCulture, $"a {_acknowledged}\n");
    }
}
