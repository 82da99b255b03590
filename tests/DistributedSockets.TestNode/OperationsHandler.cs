using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace DistributedSockets.TestNode;

/// <summary>Does what its client's text messages say; the first character is the operation.</summary>
/// <remarks>
/// <c>B</c> all, <c>U</c> user, <c>G</c> group, <c>X</c> group except the sender, <c>C</c> connection, <c>E</c> echo,
/// <c>I</c> ignore, <c>J</c> join, <c>H</c> join with the last messages (their number, a space, the group), <c>L</c> leave, <c>W</c> who am I, <c>K</c> close a connection with 4001;
/// <c>!</c> and a fault of <see cref="HandlerFaults"/>;
/// <c>A</c> and a number in front of another operation and a space answers it with <c>ok A</c>, <c>error A</c>
/// or, if nobody knows whether it was logged, <c>unknown A</c>, and the number.
/// </remarks>
internal abstract class OperationsHandler(IWebSocketRouter router, HealthCheckService health) : WebSocketHandler
{
    private const WebSocketCloseStatus Killed = (WebSocketCloseStatus)4001;

    private readonly HandlerFaults _faults = new();
    private string[]? _self;

    public override async ValueTask OnConnectedAsync(CancellationToken cancellationToken)
    {
        foreach (var group in Connection.Query["g"].ToString().Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            try
            {
                await router.AddToGroupAsync(Connection.Id, group, cancellationToken);
            }
            catch (Exception exception) when (Failures.IsAnswer(exception))
            {
                await AnswerAsync($"error g {exception.Message}", cancellationToken);
            }
        }
    }

    public override ValueTask OnMessageAsync(WebSocketMessage message, CancellationToken cancellationToken)
    {
        var data = message.Data;
        if (!message.IsText || data.IsEmpty)
        {
            return AnswerAsync("error ? An operation is a text message of at least one character.", cancellationToken);
        }

        var rest = data[1..];
        return data.Span[0] switch
        {
            (byte)'E' => Connection.SendAsync(Text(rest), cancellationToken),
            (byte)'I' => ValueTask.CompletedTask,
            (byte)'!' => _faults.RunAsync(Encoding.UTF8.GetString(rest.Span), Connection, router, cancellationToken),
            (byte)'A' => AnswerAlwaysAsync(rest, cancellationToken),
            < 0x80 and var operation => AnswerFailureAsync((char)operation, rest, cancellationToken),
            _ => AnswerAsync($"error {message.GetText().EnumerateRunes().First()} There is no such operation.", cancellationToken),
        };
    }

    private static WebSocketMessage Text(ReadOnlyMemory<byte> payload) => new(payload, WebSocketMessageType.Text);

    private async ValueTask AnswerFailureAsync(char operation, ReadOnlyMemory<byte> rest, CancellationToken cancellationToken)
    {
        try
        {
            await RunAsync(operation, rest, cancellationToken);
        }
        catch (Exception exception) when (Failures.IsAnswer(exception))
        {
            await AnswerAsync($"error {operation} {exception.Message}", cancellationToken);
        }
    }

    private async ValueTask AnswerAlwaysAsync(ReadOnlyMemory<byte> rest, CancellationToken cancellationToken)
    {
        var number = "";
        string answer;
        try
        {
            number = Name(ref rest);
            if (rest.IsEmpty)
            {
                throw new FormatException("An operation must follow the number.");
            }

            await RunAsync((char)rest.Span[0], rest[1..], cancellationToken);
            answer = $"ok A{number}";
        }
        catch (Exception exception) when (Failures.IsAnswer(exception))
        {
            var outcome = exception is MessageLogUnavailableException { IsOutcomeUnknown: true } ? "unknown" : "error";
            answer = $"{outcome} A{number} {exception.Message}";
        }

        await AnswerAsync(answer, cancellationToken);
    }

    private ValueTask RunAsync(char operation, ReadOnlyMemory<byte> rest, CancellationToken cancellationToken)
    {
        switch (operation)
        {
            case 'B':
                return SendAsync(WebSocketTarget.All, Text(rest), cancellationToken);
            case 'U':
                return SendAsync(WebSocketTarget.User(Name(ref rest)), Text(rest), cancellationToken);
            case 'G':
                return SendAsync(WebSocketTarget.Group(Name(ref rest)), Text(rest), cancellationToken);
            case 'X':
                return SendAsync(WebSocketTarget.Group(Name(ref rest)), Text(rest), cancellationToken, _self ??= [Connection.Id]);
            case 'C':
                return SendAsync(WebSocketTarget.Connection(Name(ref rest)), Text(rest), cancellationToken);
            case 'J':
                return JoinAsync(Encoding.UTF8.GetString(rest.Span), cancellationToken);
            case 'H':
                return JoinWithHistoryAsync(Name(ref rest), Encoding.UTF8.GetString(rest.Span), cancellationToken);
            case 'L':
                return LeaveAsync(Encoding.UTF8.GetString(rest.Span), cancellationToken);
            case 'W':
                var who = new WhoAmI(Connection.Id, Connection.NodeId);
                return Connection.SendAsync(Text(JsonSerializer.SerializeToUtf8Bytes(who, TestNodeJson.Default.WhoAmI)), cancellationToken);
            case 'K':
                return router.DisconnectAsync(Encoding.UTF8.GetString(rest.Span), Killed, null, cancellationToken);
            default:
                throw new FormatException("There is no such operation.");
        }
    }

    private async ValueTask SendAsync(WebSocketTarget target, WebSocketMessage message, CancellationToken cancellationToken, string[]? excluded = null) =>
        await router.SendAsync(target, message, new SendOptions { ExcludedConnectionIds = excluded ?? [], OnBehalfOf = Connection }, cancellationToken);

    /// <summary>Takes the name in front of the first space, and leaves what follows it.</summary>
    private static string Name(ref ReadOnlyMemory<byte> rest)
    {
        var space = rest.Span.IndexOf((byte)' ');
        if (space < 0)
        {
            throw new FormatException("A space must stand between target and payload.");
        }

        var name = Encoding.UTF8.GetString(rest.Span[..space]);
        rest = rest[(space + 1)..];
        return name;
    }

    private async ValueTask JoinAsync(string group, CancellationToken cancellationToken)
    {
        await router.AddToGroupAsync(Connection.Id, group, cancellationToken);
        var report = await health.CheckHealthAsync(cancellationToken);
        var isAway = report.Entries.Values.Any(static entry => entry.Data.TryGetValue("backplaneAway", out var away) && away is true);
        await AnswerAsync(
            isAway ? "error J The backplane is away: joined on this node, and for the others when it is back." : $"ok J{group}", cancellationToken);
    }

    private async ValueTask JoinWithHistoryAsync(string last, string group, CancellationToken cancellationToken)
    {
        await router.Log.AddToGroupAsync(
            Connection.Id, group, int.TryParse(last, out var number) ? number : throw new FormatException("The number of messages must come first."), cancellationToken);
        await AnswerAsync($"ok H{group}", cancellationToken);
    }

    private async ValueTask LeaveAsync(string group, CancellationToken cancellationToken)
    {
        await router.RemoveFromGroupAsync(Connection.Id, group, cancellationToken);
        await AnswerAsync($"ok L{group}", cancellationToken);
    }

    private ValueTask AnswerAsync(string text, CancellationToken cancellationToken) =>
        Connection.SendAsync(WebSocketMessage.Text(text), cancellationToken);
}
