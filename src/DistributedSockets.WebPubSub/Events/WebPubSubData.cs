using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace DistributedSockets.WebPubSub;

/// <summary>The data of an event or of a reply, with its type.</summary>
public readonly struct WebPubSubData
{
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    internal WebPubSubData(WebPubSubDataType dataType, ReadOnlyMemory<byte> bytes, JsonSerializerOptions? jsonOptions = null) =>
        (DataType, Bytes, JsonOptions) = (dataType, bytes, jsonOptions);

    /// <summary>What it is.</summary>
    public WebPubSubDataType DataType { get; }

    /// <summary>The bytes: UTF-8 of text and of JSON, else as they were sent.</summary>
    public ReadOnlyMemory<byte> Bytes { get; }

    private JsonSerializerOptions? JsonOptions { get; }

    /// <summary>Makes data of a text.</summary>
    /// <param name="text">The text; it may be empty.</param>
    /// <exception cref="ArgumentException">It contains half of a surrogate pair.</exception>
    public static WebPubSubData FromText(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return new(WebPubSubDataType.Text, Strict.GetBytes(text));
    }

    /// <summary>Makes data of bytes.</summary>
    /// <param name="bytes">The bytes, borrowed until they have been sent; there may be none.</param>
    public static WebPubSubData FromBinary(ReadOnlyMemory<byte> bytes) => new(WebPubSubDataType.Binary, bytes);

    /// <summary>Makes data of a value, written as JSON.</summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="value">The value.</param>
    /// <param name="jsonTypeInfo">How to write it.</param>
    /// <exception cref="JsonException">The value cannot be written.</exception>
    public static WebPubSubData FromJson<T>(T value, JsonTypeInfo<T> jsonTypeInfo)
    {
        ArgumentNullException.ThrowIfNull(jsonTypeInfo);
        return new(WebPubSubDataType.Json, JsonSerializer.SerializeToUtf8Bytes(value, jsonTypeInfo));
    }

    /// <summary>Reads the value that is written as JSON.</summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="jsonTypeInfo">How to read it; <see langword="null"/> for what the app's settings (<c>ConfigureJson</c>) know of <typeparamref name="T"/>.</param>
    /// <exception cref="JsonException">It is no JSON, or no <typeparamref name="T"/>.</exception>
    /// <exception cref="NotSupportedException">The app's settings do not know <typeparamref name="T"/>.</exception>
    public T? ReadJson<T>(JsonTypeInfo<T>? jsonTypeInfo = null) =>
        JsonSerializer.Deserialize(Bytes.Span, jsonTypeInfo ?? (JsonTypeInfo<T>)(JsonOptions ?? default(WebSocketMessage).JsonOptions).GetTypeInfo(typeof(T)));

    /// <summary>The text, or the JSON as it was written.</summary>
    /// <exception cref="InvalidOperationException">It is binary.</exception>
    public string ReadText() => DataType is WebPubSubDataType.Text or WebPubSubDataType.Json
        ? Encoding.UTF8.GetString(Bytes.Span)
        : throw new InvalidOperationException($"The data is {DataType}, no text. Read its Bytes.");
}
