using System.Collections.ObjectModel;
using System.Text;

namespace DistributedSockets;

/// <summary>How many and how large the properties of a session may be: they stand in the session store, and each reader of a session gets them all.</summary>
public static class SessionProperties
{
    /// <summary>How many properties a session may have: 16.</summary>
    public const int MaxCount = 16;

    /// <summary>How long a name may be: 64 bytes of UTF-8, and at least one.</summary>
    public const int MaxNameBytes = 64;

    /// <summary>How long a value may be: 256 bytes of UTF-8. It may be empty.</summary>
    public const int MaxValueBytes = 256;

    // Strict: half of a surrogate pair would become U+FFFD on its way.
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Checks properties and copies them, so that nobody changes them afterwards.</summary>
    /// <param name="properties">The properties.</param>
    /// <returns>A copy in which names are compared ordinally.</returns>
    /// <exception cref="ArgumentException">There are too many, or a name or value is missing, too long or no text that UTF-8 can express.</exception>
    public static IReadOnlyDictionary<string, string> Copy(IReadOnlyDictionary<string, string> properties)
    {
        ArgumentNullException.ThrowIfNull(properties);
        if (properties.Count == 0)
        {
            return ReadOnlyDictionary<string, string>.Empty;
        }

        var copy = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (name, value) in properties)
        {
            if (Problem(name, value) is { } problem)
            {
                throw new ArgumentException(problem, nameof(properties));
            }

            copy[name] = value;
            if (copy.Count > MaxCount)
            {
                throw new ArgumentException(
                    $"A session may have {MaxCount} properties, and these are more. Keep a key to the rest of the data in one of them.", nameof(properties));
            }
        }

        return copy.AsReadOnly();
    }

    private static string? Problem(string name, string? value)
    {
        if (string.IsNullOrEmpty(name))
        {
            return $"A session property has no name. A name has 1 to {MaxNameBytes} bytes of UTF-8.";
        }

        switch (CountBytes(name))
        {
            case null:
                return "The name of a session property contains half of a surrogate pair, which UTF-8 cannot express.";
            case > MaxNameBytes and var bytes:
                return $"The name of a session property has {bytes} bytes of UTF-8; it may have {MaxNameBytes}. Shorten it.";
        }

        if (value is null)
        {
            return $"The session property '{name}' has no value. Leave it out, or give it an empty one.";
        }

        // Without the value, which may be anything.
        return CountBytes(value) switch
        {
            null => $"The value of the session property '{name}' contains half of a surrogate pair, which UTF-8 cannot express.",
            > MaxValueBytes and var bytes => $"The value of the session property '{name}' has {bytes} bytes of UTF-8; it may have {MaxValueBytes}. Shorten it, or keep a key to the data in it.",
            _ => null,
        };
    }

    private static int? CountBytes(string text)
    {
        try
        {
            return Strict.GetByteCount(text);
        }
        catch (EncoderFallbackException)
        {
            return null;
        }
    }
}
