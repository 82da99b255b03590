using System.Diagnostics.CodeAnalysis;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace DistributedSockets;

/// <summary>One whole message: text or binary, without its fragmentation.</summary>
/// <remarks>A received message borrows its memory: it is valid until the handler's call completes. Copy what you keep.</remarks>
public readonly struct WebSocketMessage
{
    private readonly object? _textOrJsonOptions; // one field, since every message that is received or sent carries it
    private readonly ReadOnlyMemory<byte> _data;

    /// <summary>Creates a message from its bytes.</summary>
    /// <param name="data">The payload; UTF-8 for a text message.</param>
    /// <param name="messageType">Text or binary.</param>
    /// <param name="jsonOptions">How <see cref="ReadJson"/> reads it; <see langword="null"/> for <see cref="JsonSerializerOptions.Web"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">The type is neither text nor binary.</exception>
    public WebSocketMessage(ReadOnlyMemory<byte> data, WebSocketMessageType messageType, JsonSerializerOptions? jsonOptions = null)
    {
        if (messageType is not (WebSocketMessageType.Text or WebSocketMessageType.Binary))
        {
            throw new ArgumentOutOfRangeException(nameof(messageType), messageType, "A message is text or binary. To close a connection, call its CloseAsync.");
        }

        _data = data;
        _textOrJsonOptions = jsonOptions;
        MessageType = messageType;
    }

    private WebSocketMessage(string text)
    {
        _textOrJsonOptions = text;
        MessageType = WebSocketMessageType.Text;
    }

    /// <summary>Text or binary.</summary>
    public WebSocketMessageType MessageType { get; }

    /// <summary>Whether this is a text message.</summary>
    public bool IsText => MessageType == WebSocketMessageType.Text;

    /// <summary>The payload. For a message made by <see cref="Text"/> it is encoded on each call.</summary>
    public ReadOnlyMemory<byte> Data => _textOrJsonOptions is string text ? Encoding.UTF8.GetBytes(text) : _data;

    /// <summary>The length of the payload in bytes.</summary>
    public int Length => _textOrJsonOptions is string text ? Encoding.UTF8.GetByteCount(text) : _data.Length;

    /// <summary>
    /// How <see cref="ReadJson"/> reads it: for a received message the app's settings (<c>ConfigureJson</c>), for one that the app has made what
    /// it was made with, else <see cref="JsonSerializerOptions.Web"/>.
    /// </summary>
    public JsonSerializerOptions JsonOptions => _textOrJsonOptions as JsonSerializerOptions ?? DefaultJsonOptions;

    private static JsonSerializerOptions DefaultJsonOptions
    {
        [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = "Without reflection-based serialization, as in trimmed apps, these options know no type and say so.")]
        [UnconditionalSuppressMessage("AOT", "IL3050", Justification = "Without reflection-based serialization, as in AOT-compiled apps, these options know no type and say so.")]
        get => JsonSerializerOptions.Web;
    }

    /// <summary>Makes a text message.</summary>
    /// <param name="text">The text, sent as UTF-8.</param>
    public static WebSocketMessage Text(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return new(text);
    }

    /// <summary>Makes a binary message.</summary>
    /// <param name="data">The payload.</param>
    public static WebSocketMessage Binary(ReadOnlyMemory<byte> data) => new(data, WebSocketMessageType.Binary);

    /// <summary>Copies the payload.</summary>
    /// <param name="destination">At least <see cref="Length"/> bytes.</param>
    /// <returns>The number of bytes written.</returns>
    /// <exception cref="ArgumentException">The destination is too short.</exception>
    public int CopyTo(Span<byte> destination)
    {
        if (_textOrJsonOptions is string text)
        {
            return Encoding.UTF8.GetBytes(text, destination);
        }

        _data.Span.CopyTo(destination);
        return _data.Length;
    }

    /// <summary>The payload as text.</summary>
    public string GetText() => _textOrJsonOptions as string ?? Encoding.UTF8.GetString(_data.Span);

    /// <summary>Reads the payload, of a text or a binary message, as one JSON value.</summary>
    /// <typeparam name="T">What it is to be.</typeparam>
    /// <param name="jsonTypeInfo">How to read it; <see langword="null"/> for what <see cref="JsonOptions"/> know of <typeparamref name="T"/>.</param>
    /// <returns>The value, which borrows nothing and may be kept; never <see langword="null"/>.</returns>
    /// <exception cref="InvalidJsonException">
    /// The payload is no JSON, is <c>null</c>, or has not the form of <typeparamref name="T"/>. That is the sender's fault. A handler that does not
    /// catch it closes the connection with 1007, and nothing is logged as an error.
    /// </exception>
    /// <exception cref="NotSupportedException">
    /// The settings do not know <typeparamref name="T"/>. That is the app's fault: AOT-compiled and trimmed apps insert a source-generated
    /// context with <c>ConfigureJson</c>, or give <paramref name="jsonTypeInfo"/>.
    /// </exception>
    public T ReadJson<T>(JsonTypeInfo<T>? jsonTypeInfo = null)
    {
        jsonTypeInfo ??= (JsonTypeInfo<T>)JsonOptions.GetTypeInfo(typeof(T));
        try
        {
            var value = _textOrJsonOptions is string text ? JsonSerializer.Deserialize(text, jsonTypeInfo) : JsonSerializer.Deserialize(_data.Span, jsonTypeInfo);
            return value ?? throw new InvalidJsonException($"A message is null where {typeof(T)} is expected.");
        }
        catch (JsonException exception)
        {
            throw new InvalidJsonException($"A message of {Length} bytes is not the JSON of {typeof(T)}. {exception.Message}", exception);
        }
        catch (NotSupportedException exception) when (jsonTypeInfo.PolymorphismOptions is not null)
        {
            // The serializer says the same of a type that can never be read and of a message that does not say which of the derived types it is.
            throw new InvalidJsonException($"A message of {Length} bytes does not say which {typeof(T)} it is. {exception.Message}", exception);
        }
    }

    /// <inheritdoc/>
    public override string ToString() => $"{MessageType} message of {Length} bytes";
}
