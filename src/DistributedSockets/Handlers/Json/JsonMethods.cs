using System.Text;
using System.Text.Json;

namespace DistributedSockets;

/// <summary>Which method of a handler takes which JSON messages. Make a <see cref="JsonMethods{THandler}"/>.</summary>
public abstract class JsonMethods
{
    /// <summary>How long the name of a type may be, in characters.</summary>
    internal const int MaxTypeLength = 128;

    /// <summary>How many bytes such a name can take in JSON, with each of its characters escaped.</summary>
    private const int MaxTypeBytes = 6 * MaxTypeLength;

    private readonly Dictionary<string, JsonMethod> _methods = new(StringComparer.Ordinal);
    private readonly byte[] _typeProperty;
    private volatile bool _isInUse;

    private protected JsonMethods(string typeProperty)
    {
        ArgumentException.ThrowIfNullOrEmpty(typeProperty);
        TypeProperty = typeProperty;
        _typeProperty = Encoding.UTF8.GetBytes(typeProperty);
    }

    /// <summary>The property of a message that names its type, and of the default answers.</summary>
    public string TypeProperty { get; }

    private protected void Add(JsonMethod method)
    {
        var type = method.Type;
        ArgumentException.ThrowIfNullOrEmpty(type);
        if (type.Length > MaxTypeLength)
        {
            throw new ArgumentException($"The name of a type of message may have {MaxTypeLength} characters; this one has {type.Length}.", nameof(type));
        }

        if (_isInUse)
        {
            throw new InvalidOperationException($"'{type}' comes too late: methods are registered before the first message. Keep the table in a static field.");
        }

        if (!_methods.TryAdd(type, method))
        {
            throw new ArgumentException($"There is a method for '{type}' already.", nameof(type));
        }
    }

    /// <summary>Finds the method for a message, or what answers if there is none.</summary>
    /// <exception cref="InvalidJsonException">The message names no type.</exception>
    internal JsonMethod Find(WebSocketMessage message)
    {
        _isInUse = true;
        try
        {
            var reader = CreateReader(message);
            if (!MoveToType(ref reader))
            {
                throw new InvalidJsonException($"A message is no JSON object with a string '{TypeProperty}'.");
            }

            if (reader.ValueSpan.Length <= MaxTypeBytes)
            {
                Span<char> type = stackalloc char[MaxTypeBytes];
                if (_methods.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(type[..reader.CopyString(type)], out var method))
                {
                    return method;
                }
            }

            return new UnknownJsonMethod(reader.GetString()!); // the token is a string
        }
        catch (JsonException exception)
        {
            throw new InvalidJsonException($"A message of {message.Length} bytes is no JSON. {exception.Message}", exception);
        }
        catch (InvalidOperationException exception)
        {
            throw new InvalidJsonException($"A message names a type that is no valid text. {exception.Message}", exception); // half of a surrogate pair
        }
    }

    /// <summary>Reads a message to its end.</summary>
    /// <exception cref="InvalidJsonException">It is no JSON.</exception>
    internal static void CheckWhole(WebSocketMessage message)
    {
        try
        {
            var reader = CreateReader(message);
            while (reader.Read())
            {
            }
        }
        catch (JsonException exception)
        {
            throw new InvalidJsonException($"A message of {message.Length} bytes is no JSON. {exception.Message}", exception);
        }
    }

    /// <summary>A reader that takes what the serializer takes with the same settings.</summary>
    private static Utf8JsonReader CreateReader(WebSocketMessage message)
    {
        var options = message.JsonOptions;
        return new(
            message.Data.Span,
            new() { AllowTrailingCommas = options.AllowTrailingCommas, CommentHandling = options.ReadCommentHandling, MaxDepth = options.MaxDepth });
    }

    private bool MoveToType(ref Utf8JsonReader reader)
    {
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
        {
            return false;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isType = reader.ValueTextEquals(_typeProperty);
            reader.Read();
            if (isType)
            {
                return reader.TokenType == JsonTokenType.String;
            }

            reader.Skip();
        }

        return false;
    }
}
