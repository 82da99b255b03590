using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>Checks what the NATS options have in common. Never repeats an address, which may hold a password.</summary>
internal sealed class NatsConnectionOptionsValidator<TOptions> : IValidateOptions<TOptions>
    where TOptions : class, INatsConnectionOptions
{
    private static readonly TimeSpan MinTimeout = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan MaxTimeout = TimeSpan.FromSeconds(60);

    public ValidateOptionsResult Validate(string? name, TOptions options)
    {
        var errors = new ValidateOptionsResultBuilder();
        var type = typeof(TOptions).Name;
        var given = (options.Url is null ? 0 : 1) + (options.Configuration is null ? 0 : 1) + (options.Connection is null ? 0 : 1);
        if (given != 1)
        {
            errors.AddError(given == 0
                ? $"{type} has no connection. Set one of Url, Configuration and Connection, such as UseNats(\"nats://nats.example.com:4222\")."
                : $"{type} has {given} connections. Set only one of Url, Configuration and Connection.");
        }

        if (options.Url is { } url)
        {
            CheckUrl(errors, $"{type}.Url", url);
        }

        if (options.Configuration is { } configuration)
        {
            CheckUrl(errors, $"{type}.Configuration.Url", configuration.Url);
        }

        if (options.OperationTimeout < MinTimeout || options.OperationTimeout > MaxTimeout)
        {
            errors.AddError($"{type}.OperationTimeout is {options.OperationTimeout}. Set it to between {MinTimeout} and {MaxTimeout}.");
        }

        return errors.Build();
    }

    private static void CheckUrl(ValidateOptionsResultBuilder errors, string setting, string? url)
    {
        if (string.IsNullOrWhiteSpace(url) || !url.Split(',').All(IsServer))
        {
            errors.AddError(
                $"{setting} is no list of NATS servers. Write nats://host:port, or tls, ws or wss instead of nats, several separated by commas; " +
                "percent-encode what is special in a user name or password.");
        }
    }

    private static bool IsServer(string url) =>
        Uri.TryCreate(url.Contains("://", StringComparison.Ordinal) ? url : "nats://" + url, UriKind.Absolute, out var uri)
        && uri.Scheme is "nats" or "tls" or "ws" or "wss"
        && Uri.CheckHostName(uri.Host) != UriHostNameType.Unknown

        // A slash in a password would make the rest of it a path, and its beginning a host that stands in logs.
        && (uri.Scheme is "ws" or "wss" || uri.PathAndQuery is "" or "/")
        && uri.Fragment.Length == 0;
}
