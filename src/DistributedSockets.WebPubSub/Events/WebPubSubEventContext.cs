using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace DistributedSockets.WebPubSub;

/// <summary>An event that a client has sent.</summary>
public sealed class WebPubSubEventContext : WebPubSubClientContext
{
    private readonly JsonSerializerOptions _jsonOptions;

    internal WebPubSubEventContext(in ClientEvent message, in EventClient client, IServiceProvider services, JsonSerializerOptions jsonOptions)
        : base(client, services)
    {
        Name = message.Name;
        Data = new(message.DataType, message.Data.ToArray(), jsonOptions); // a copy: a handler that is not waited for any more may still read it
        Metadata = message.Metadata;
        IsInvocation = message.IsInvocation;
        _jsonOptions = jsonOptions;
    }

    /// <summary>The name of the event; <c>message</c> for what a simple client sends.</summary>
    public string Name { get; }

    /// <summary>The data.</summary>
    public WebPubSubData Data { get; }

    /// <summary>What the client has sent beside the data; <see langword="null"/> for nothing.</summary>
    public IReadOnlyDictionary<string, string>? Metadata { get; }

    /// <summary>Whether the client waits for the reply (an invocation), instead of taking it like any other message.</summary>
    public bool IsInvocation { get; }

    /// <summary>The reply, if there is one.</summary>
    internal WebPubSubData? Answer { get; private set; }

    /// <summary>Whether a handler has taken the event.</summary>
    internal bool IsHandled { get; set; } = true;

    /// <summary>Replies, to the client that has sent the event and to nobody else. Sent when the handler has returned without an exception.</summary>
    /// <param name="data">The reply.</param>
    /// <exception cref="InvalidOperationException">There is a reply already.</exception>
    public void Reply(WebPubSubData data)
    {
        if (Answer is not null)
        {
            throw new InvalidOperationException($"The event '{Name}' has been replied to already. Send more by the router.");
        }

        Answer = data;
    }

    /// <summary>Replies with a text.</summary>
    /// <param name="text">The text.</param>
    /// <exception cref="InvalidOperationException">There is a reply already.</exception>
    public void ReplyText(string text) => Reply(WebPubSubData.FromText(text));

    /// <summary>Replies with a value, written as JSON.</summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="value">The value.</param>
    /// <param name="jsonTypeInfo">How to write it; <see langword="null"/> for what the app's settings (<c>ConfigureJson</c>) know of <typeparamref name="T"/>.</param>
    /// <exception cref="InvalidOperationException">There is a reply already.</exception>
    /// <exception cref="NotSupportedException">The app's settings do not know <typeparamref name="T"/>.</exception>
    public void ReplyJson<T>(T value, JsonTypeInfo<T>? jsonTypeInfo = null) =>
        Reply(WebPubSubData.FromJson(value, jsonTypeInfo ?? (JsonTypeInfo<T>)_jsonOptions.GetTypeInfo(typeof(T))));
}
