using System.Net.WebSockets;
using System.Text;

namespace DistributedSockets;

/// <summary>One whole message: text or binary, without its fragmentation.</summary>
/// <remarks>A received message borrows its memory: it is valid until the handler's call completes. Copy what you keep.</remarks>
public readonly struct WebSocketMessage
{
    private readonly string? _text;
    private readonly ReadOnlyMemory<byte> _data;

    /// <summary>Creates a message from its bytes.</summary>
    /// <param name="data">The payload; UTF-8 for a text message.</param>
    /// <param name="messageType">Text or binary.</param>
    /// <exception cref="ArgumentOutOfRangeException">The type is neither text nor binary.</exception>
    public WebSocketMessage(ReadOnlyMemory<byte> data, WebSocketMessageType messageType)
    {
        if (messageType is not (WebSocketMessageType.Text or WebSocketMessageType.Binary))
        {
            throw new ArgumentOutOfRangeException(nameof(messageType), messageType, "A message is text or binary. To close a connection, call its CloseAsync.");
        }

        _data = data;
        MessageType = messageType;
    }

    private WebSocketMessage(string text)
    {
        _text = text;
        MessageType = WebSocketMessageType.Text;
    }

    /// <summary>Text or binary.</summary>
    public WebSocketMessageType MessageType { get; }

    /// <summary>Whether this is a text message.</summary>
    public bool IsText => MessageType == WebSocketMessageType.Text;

    /// <summary>The payload. For a message made by <see cref="Text"/> it is encoded on each call.</summary>
    public ReadOnlyMemory<byte> Data => _text is null ? _data : Encoding.UTF8.GetBytes(_text);

    /// <summary>The length of the payload in bytes.</summary>
    public int Length => _text is null ? _data.Length : Encoding.UTF8.GetByteCount(_text);

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
        if (_text is not null)
        {
            return Encoding.UTF8.GetBytes(_text, destination);
        }

        _data.Span.CopyTo(destination);
        return _data.Length;
    }

    /// <summary>The payload as text.</summary>
    public string GetText() => _text ?? Encoding.UTF8.GetString(_data.Span);

    /// <inheritdoc/>
    public override string ToString() => $"{MessageType} message of {Length} bytes";
}
