using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace DistributedSockets.WebPubSub;

/// <summary>Sends the events that nobody waits for, those of one connection one after the other.</summary>
internal sealed partial class WebhookQueue : IAsyncDisposable
{
    private const int Lanes = 8;
    private const int MaxWaiting = 1_000; // in each lane

    private static readonly TimeSpan s_end = TimeSpan.FromSeconds(5);

    private readonly WebhookClient _client;
    private readonly TimeProvider _time;
    private readonly ILogger<WebhookQueue> _logger;
    private readonly CancellationTokenSource _ending = new();
    private readonly Channel<(WebPubSubWebhook Webhook, WebhookEvent Event)>[] _lanes = new Channel<(WebPubSubWebhook, WebhookEvent)>[Lanes];
    private readonly Task[] _sending = new Task[Lanes];

    public WebhookQueue(WebhookClient client, TimeProvider time, ILogger<WebhookQueue> logger)
    {
        (_client, _time, _logger) = (client, time, logger);
        for (var lane = 0; lane < Lanes; lane++)
        {
            _lanes[lane] = Channel.CreateBounded<(WebPubSubWebhook, WebhookEvent)>(MaxWaiting);
            _sending[lane] = SendAsync(_lanes[lane].Reader);
        }
    }

    internal void Add(WebPubSubWebhook webhook, WebhookEvent sent)
    {
        if (!_lanes[(uint)sent.ConnectionId.GetHashCode(StringComparison.Ordinal) % Lanes].Writer.TryWrite((webhook, sent)))
        {
            Log.NotSent(_logger, sent.Name, sent.Hub, sent.ConnectionId, "too many events wait", null);
        }
    }

    /// <summary>Sends what waits, for a few seconds at most.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (var lane in _lanes)
        {
            lane.Writer.TryComplete();
        }

        var sending = Task.WhenAll(_sending);
        try
        {
            await sending.WaitAsync(s_end, _time);
        }
        catch (TimeoutException)
        {
            await _ending.CancelAsync();
            await sending;
        }

        _ending.Dispose();
    }

    private async Task SendAsync(ChannelReader<(WebPubSubWebhook Webhook, WebhookEvent Event)> lane)
    {
        await foreach (var (webhook, sent) in lane.ReadAllAsync())
        {
            try
            {
                var answer = await _client.SendAsync(webhook, sent, isRepeatable: true, _ending.Token);
                if (!answer.IsSuccess)
                {
                    Log.NotSent(_logger, sent.Name, sent.Hub, sent.ConnectionId, $"it answered {(int)answer.Status}", null);
                }
            }
            catch (Exception exception)
            {
                Log.NotSent(_logger, sent.Name, sent.Hub, sent.ConnectionId, "it could not be reached", exception);
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(452, LogLevel.Warning, "A webhook was not told of the event {Event} of hub {Hub} and connection {ConnectionId}: {Reason}.")]
        public static partial void NotSent(ILogger logger, string @event, string hub, string connectionId, string reason, Exception? exception);
    }
}
