using System.Globalization;
using System.Net;

namespace Samples;

/// <summary>Reads <c>--name value</c> pairs, and says clearly what is wrong with anything else.</summary>
internal sealed class CommandLine
{
    private readonly Dictionary<string, string> _values = new(StringComparer.Ordinal);

    /// <summary>Reads the arguments of the process.</summary>
    /// <param name="args">The arguments.</param>
    /// <param name="known">The names that the sample knows, such as <c>--port</c>.</param>
    /// <exception cref="FormatException">An argument is unknown, repeated, or lacks its value.</exception>
    public CommandLine(string[] args, params string[] known)
    {
        for (var i = 0; i < args.Length; i += 2)
        {
            var name = args[i];
            if (!known.Contains(name, StringComparer.Ordinal))
            {
                throw new FormatException($"Unknown argument '{name}'.");
            }

            if (i + 1 == args.Length)
            {
                throw new FormatException($"{name} needs a value.");
            }

            if (!_values.TryAdd(name, args[i + 1]))
            {
                throw new FormatException($"{name} is given twice.");
            }
        }
    }

    /// <summary>Whether the user asks for the usage.</summary>
    public static bool AsksForHelp(string[] args) => args is ["--help"] or ["-h"] or ["-?"];

    /// <summary>Reads <c>HOST:PORT</c>, or <see langword="null"/> if the argument is not given.</summary>
    /// <exception cref="FormatException">The value has another form.</exception>
    public string? GetEndpoint(string name)
    {
        if (!_values.TryGetValue(name, out var value))
        {
            return null;
        }

        var colon = value.LastIndexOf(':');
        if (colon < 1 || !IsPort(value[(colon + 1)..], out _) || Uri.CheckHostName(value[..colon].Trim('[', ']')) == UriHostNameType.Unknown)
        {
            throw new FormatException($"{name} is '{value}'. Write it as HOST:PORT, such as 127.0.0.1:6379.");
        }

        return value;
    }

    /// <summary>Reads a value of any form, or <see langword="null"/> if the argument is not given.</summary>
    public string? GetText(string name) => _values.GetValueOrDefault(name);

    /// <summary>Reads a port.</summary>
    /// <exception cref="FormatException">The value is no port.</exception>
    public int GetPort(string name, int defaultPort)
    {
        if (!_values.TryGetValue(name, out var value))
        {
            return defaultPort;
        }

        return IsPort(value, out var port) ? port : throw new FormatException($"{name} is '{value}'. Give a port from 1 to {IPEndPoint.MaxPort}.");
    }

    private static bool IsPort(string text, out int port) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out port) && port is > 0 and <= IPEndPoint.MaxPort;
}
