using System.Collections.Concurrent;
using Microsoft.Extensions.Options;

namespace DistributedSockets;

internal sealed class WebSocketRouterFactory(
    Hubs hubs,
    LocalNode node,
    LocalDelivery delivery,
    ChannelSubscriptions subscriptions,
    BackplanePublisher publisher,
    EnvelopeWriter writer,
    HubLogs logs,
    LogEntryReader reader,
    RemoteCommands commands,
    ClientQuestions questions,
    CommandExecutor executor,
    IOptions<DistributedWebSocketsJsonOptions> json,
    TimeProvider time) : IWebSocketRouterFactory
{
    private readonly ConcurrentDictionary<string, WebSocketRouter> _routers = new(StringComparer.Ordinal);

    public IWebSocketRouter GetRouter(string hub)
    {
        HubName.Check(hub);
        return _routers.GetOrAdd(hub, static (name, factory) => factory.Create(name), this);
    }

    private WebSocketRouter Create(string name)
    {
        var hub = hubs.Get(name);
        var preparation = new SendPreparation(hub, writer, hub.Deflater, time);
        var logged = new LoggedSender(hub, logs, writer, preparation);
        var sender = new MessageSender(hub, node, delivery, subscriptions, publisher, writer, preparation, logged);
        var log = new HubLogReader(hub, node, logs, reader, commands, json.Value.SerializerOptions, time);
        var confirmed = new ConfirmedSender(hub, node, delivery, commands, writer, preparation, logged);
        return new(hub, sender, confirmed, node, commands, questions, executor, publisher, writer, log, json.Value.SerializerOptions);
    }
}
