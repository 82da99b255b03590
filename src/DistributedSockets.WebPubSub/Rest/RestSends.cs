using System.Text;

namespace DistributedSockets.WebPubSub;

/// <summary>Sends what callers post.</summary>
internal static class RestSends
{
    private const string MetadataPrefix = "X-WebPubSub-Metadata-";
    private const int MaxTimeToLiveSeconds = 300;
    private const int MaxKeyBytes = 256;
    private const int MaxValueBytes = 1_024;
    private const int MaxMetadataBytes = 8_192;

    /// <summary>Sends the body to all, a group, a user or a connection. To whom there is nobody is no error.</summary>
    /// <param name="call">The request.</param>
    /// <param name="target">Who gets it.</param>
    /// <param name="group">The name of the group, if it is one.</param>
    internal static async Task SendAsync(RestCall call, WebSocketTarget target, string? group = null)
    {
        var isForMany = target.Kind is not WebSocketTargetKind.Connections;
        var filter = isForMany ? call.Filter() : null;
        var seconds = call.Number("messageTtlSeconds", 0, MaxTimeToLiveSeconds) ?? 0;
        var pairs = Metadata(call);
        var (message, type) = await RestBody.ReadMessageAsync(call.Context.Request, call.Cancellation);
        var options = new SendOptions
        {
            ExcludedConnectionIds = target.Kind is WebSocketTargetKind.All or WebSocketTargetKind.Groups ? call.Values("excluded").FindAll(RestNames.CanBeConnection) : [],
            TimeToLive = seconds > 0 ? TimeSpan.FromSeconds(seconds) : null,
            Filter = filter,
            Metadata = new MessageMetadata { Group = group, DataType = type, Pairs = pairs }.Write(),
        };
        await call.Router.SendAsync(target, message, options, call.Cancellation);
        call.Answer(202);
    }

    private static Dictionary<string, string>? Metadata(RestCall call)
    {
        Dictionary<string, string>? pairs = null;
        var bytes = 0;
        foreach (var (name, values) in call.Context.Request.Headers)
        {
            if (!name.StartsWith(MetadataPrefix, StringComparison.OrdinalIgnoreCase))
            {
                continue;
            }

            var (key, value) = (name[MetadataPrefix.Length..], values.ToString());
            bytes += key.Length + value.Length;
            if (key.Length is 0 or > MaxKeyBytes || value.Length > MaxValueBytes || !Ascii.IsValid(value) || bytes > MaxMetadataBytes)
            {
                throw RestException.BadRequest(
                    $"Metadata has keys of 1 to {MaxKeyBytes} and values of up to {MaxValueBytes} characters of ASCII, and {MaxMetadataBytes} in all.", MetadataPrefix + key);
            }

            (pairs ??= new(StringComparer.Ordinal))[key] = value;
        }

        return pairs;
    }
}
