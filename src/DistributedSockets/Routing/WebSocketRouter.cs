using System.Buffers;
using System.Net.WebSockets;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace DistributedSockets;

/// <summary>What an app sends and asks for in one hub: messages to targets, and commands about connections.</summary>
internal sealed class WebSocketRouter(
    HubConnections hub,
    MessageSender sender,
    ConfirmedSender confirmed,
    LocalNode node,
    RemoteCommands commands,
    ClientQuestions questions,
    CommandExecutor executor,
    BackplanePublisher publisher,
    EnvelopeWriter writer,
    HubLogReader log,
    JsonSerializerOptions json) : IWebSocketRouter
{
    private readonly OrderLocks _order = new();

    public string Hub => hub.Name;

    public IHubLog Log => hub.Log is null
        ? throw new InvalidOperationException($"Hub '{hub.Name}' has no log in this process. Set HubOptions.EnableLog for it on all nodes and workers.")
        : log;

    public ValueTask<SendResult> SendAsync(
        WebSocketTarget target, WebSocketMessage message, SendOptions options, CancellationToken cancellationToken = default) =>
        sender.SendAsync(target, message, options, cancellationToken);

    public ValueTask<SendResult> SendAsync<T>(
        WebSocketTarget target, T value, SendOptions options, JsonTypeInfo<T>? jsonTypeInfo = null, CancellationToken cancellationToken = default) =>
        sender.SendAsync(target, ValueMessage.Of(value, jsonTypeInfo, json), options, cancellationToken);

    public ValueTask<ConfirmedSendOutcome> SendConfirmedAsync(
        string connectionId, WebSocketMessage message, SendOptions options = default, CancellationToken cancellationToken = default) =>
        confirmed.SendAsync(connectionId, message, options, cancellationToken);

    public ValueTask<ConfirmedSendOutcome> SendConfirmedAsync<T>(
        string connectionId, T value, SendOptions options = default, JsonTypeInfo<T>? jsonTypeInfo = null, CancellationToken cancellationToken = default) =>
        confirmed.SendAsync(connectionId, ValueMessage.Of(value, jsonTypeInfo, json), options, cancellationToken);

    public ValueTask AddToGroupAsync(string connectionId, string group, CancellationToken cancellationToken = default)
    {
        Names.Check(group, nameof(group));
        return InvokeAsync(new(RemoteCommandKind.AddToGroup, connectionId, group), cancellationToken);
    }

    public ValueTask RemoveFromGroupAsync(string connectionId, string group, CancellationToken cancellationToken = default)
    {
        Names.Check(group, nameof(group));
        return InvokeAsync(new(RemoteCommandKind.RemoveFromGroup, connectionId, group), cancellationToken);
    }

    public ValueTask RemoveFromAllGroupsAsync(string connectionId, CancellationToken cancellationToken = default) =>
        InvokeAsync(new(RemoteCommandKind.RemoveFromAllGroups, connectionId), cancellationToken);

    public ValueTask DisconnectAsync(
        string connectionId,
        WebSocketCloseStatus closeStatus = WebSocketCloseStatus.NormalClosure,
        string? reason = null,
        CancellationToken cancellationToken = default)
    {
        CloseCodes.Check(closeStatus, reason);
        return InvokeAsync(new(RemoteCommandKind.Disconnect, connectionId, "", (ushort)closeStatus, reason ?? ""), cancellationToken);
    }

    public ValueTask DisconnectUserAsync(
        string userId,
        WebSocketCloseStatus closeStatus = WebSocketCloseStatus.NormalClosure,
        string? reason = null,
        CancellationToken cancellationToken = default)
    {
        Names.Check(userId, nameof(userId));
        CloseCodes.Check(closeStatus, reason);
        return TellAllAsync(
            hub.UserChannel(userId), new(RemoteCommandKind.DisconnectUser, userId, "", (ushort)closeStatus, reason ?? ""), cancellationToken);
    }

    public ValueTask DisconnectGroupAsync(
        string group,
        WebSocketCloseStatus closeStatus = WebSocketCloseStatus.NormalClosure,
        string? reason = null,
        CancellationToken cancellationToken = default)
    {
        Names.Check(group, nameof(group));
        CloseCodes.Check(closeStatus, reason);
        return TellAllAsync(
            hub.GroupChannel(group), new(RemoteCommandKind.DisconnectGroup, group, "", (ushort)closeStatus, reason ?? ""), cancellationToken);
    }

    public ValueTask DisconnectAllAsync(
        WebSocketCloseStatus closeStatus = WebSocketCloseStatus.NormalClosure, string? reason = null, CancellationToken cancellationToken = default)
    {
        CloseCodes.Check(closeStatus, reason);
        return TellAllAsync(hub.AllChannel, new(RemoteCommandKind.DisconnectAll, "", "", (ushort)closeStatus, reason ?? ""), cancellationToken);
    }

    public ValueTask AddUserToGroupAsync(string userId, string group, CancellationToken cancellationToken = default)
    {
        Names.Check(userId, nameof(userId));
        Names.Check(group, nameof(group));
        return TellAllAsync(hub.UserChannel(userId), new(RemoteCommandKind.AddUserToGroup, userId, group), cancellationToken);
    }

    public ValueTask RemoveUserFromGroupAsync(string userId, string group, CancellationToken cancellationToken = default)
    {
        Names.Check(userId, nameof(userId));
        Names.Check(group, nameof(group));
        return TellAllAsync(hub.UserChannel(userId), new(RemoteCommandKind.RemoveUserFromGroup, userId, group), cancellationToken);
    }

    public ValueTask<WebSocketMessage> AskAsync(
        string connectionId, Func<string, WebSocketMessage> question, TimeSpan timeout, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(connectionId);
        ArgumentNullException.ThrowIfNull(question);
        cancellationToken.ThrowIfCancellationRequested();
        node.ThrowIfNotStarted();
        return questions.AskAsync(hub, connectionId, question, timeout, cancellationToken);
    }

    public ValueTask<IReadOnlyDictionary<string, string>?> FindPropertiesAsync(string connectionId, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(connectionId);
        cancellationToken.ThrowIfCancellationRequested();
        node.ThrowIfNotStarted();
        return commands.FindPropertiesAsync(hub, connectionId, cancellationToken);
    }

    public async ValueTask<bool> TrySetPropertiesAsync(
        string connectionId, IReadOnlyDictionary<string, string> expected, IReadOnlyDictionary<string, string> properties, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(connectionId);
        var change = new PropertyChange(SessionProperties.Copy(expected), SessionProperties.Copy(properties));
        cancellationToken.ThrowIfCancellationRequested();
        node.ThrowIfNotStarted();
        var command = new RemoteCommand(RemoteCommandKind.SetProperties, connectionId) { Message = change.Write() };
        return await commands.SetPropertiesAsync(hub, command, cancellationToken) switch
        {
            RemoteCommandOutcome.Done => true,
            RemoteCommandOutcome.Changed => false,
            RemoteCommandOutcome.NotFound => throw new ConnectionNotFoundException($"Hub '{hub.Name}' has no connection '{connectionId}'. It may have ended."),
            RemoteCommandOutcome.NoHistory => throw new MessageLogUnavailableException(
                $"The node of connection '{connectionId}' cannot write the record of its session. The properties may have been set. That node's health check says why."),
            _ => throw new NotSupportedException(
                $"The node of connection '{connectionId}' runs an older version, which does not know this command. Nothing was done. Bring all nodes to one version."),
        };
    }

    private ValueTask InvokeAsync(RemoteCommand command, CancellationToken cancellationToken)
    {
        ArgumentException.ThrowIfNullOrEmpty(command.Subject, "connectionId");
        cancellationToken.ThrowIfCancellationRequested();
        node.ThrowIfNotStarted();
        return commands.InvokeAsync(hub, command, cancellationToken);
    }

    /// <summary>Has a command carried out on every node that listens to a channel, this one first; nobody answers.</summary>
    private async ValueTask TellAllAsync(string channel, RemoteCommand command, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        node.ThrowIfNotStarted();

        // Begun here and handed over in one turn, so that opposite commands take effect in the same order everywhere; and not awaited in it.
        Task<RemoteCommandOutcome> here;
        ValueTask publish;
        var envelope = writer.WriteCommand(Guid.Empty, command, out var length);
        var order = OrderLocks.Of(channel);
        _order.Enter(order);
        try
        {
            here = executor.ExecuteAsync(hub, command, cancellationToken).AsTask();
            here.Observe();
            publish = PublishAsync(channel, envelope, length, cancellationToken);
        }
        finally
        {
            _order.Exit(order);
        }

        // Beside each other, as either may be away; and both are waited for, since a session is to end though other nodes were not reached.
        await Task.WhenAll(publish.AsTask(), commands.EndSessionsAsync(hub, command, cancellationToken).AsTask());
        var sessions = await commands.ChangeUserAsync(hub, command, cancellationToken);
        if (await here == RemoteCommandOutcome.TooManyGroups || sessions == RemoteCommandOutcome.TooManyGroups)
        {
            throw new InvalidOperationException(
                $"A connection of user '{command.Subject}' to this node is in as many groups as a connection may be in, so it was not added to '{command.Group}'. " +
                "All others were. Remove it from others, or raise HubOptions.MaxGroupsPerConnection.");
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask PublishAsync(string channel, byte[] envelope, int length, CancellationToken cancellationToken)
    {
        try
        {
            await publisher.PublishAsync(channel, envelope.AsMemory(0, length), cancellationToken);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(envelope);
        }
    }
}
